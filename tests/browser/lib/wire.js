// A recorder between the browser and the service: it passes every byte on and keeps what was said.
import http from "node:http";
import zlib from "node:zlib";

const DECODERS = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync, deflate: zlib.inflateSync };

/** Starts a recorder on `port` that passes everything to the service on `behind`. */
export async function record(port, behind) {
  const exchanges = [];
  const server = http.createServer((request, answer) => {
    const exchange = {
      method: request.method,
      url: request.url,
      path: request.url.split("?")[0],
      headers: request.headers,
      asked: [],
      answered: [],
      wireBytes: 0,
    };
    exchanges.push(exchange);
    const onward = http.request(
      { host: "127.0.0.1", port: behind, method: request.method, path: request.url, headers: request.headers },
      (said) => {
        exchange.status = said.statusCode;
        exchange.answerHeaders = said.headers;
        answer.writeHead(said.statusCode, said.rawHeaders);
        said.on("data", (bytes) => {
          exchange.answered.push(bytes);
          exchange.wireBytes += bytes.length;
        });
        said.pipe(answer);
      },
    );
    onward.on("error", () => answer.destroy());
    request.on("data", (bytes) => exchange.asked.push(bytes));
    request.pipe(onward);
    answer.on("close", () => onward.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    exchanges,
    stop: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The body of a request as text. */
export function asked(exchange) {
  return Buffer.concat(exchange.asked).toString("utf8");
}

/** The body of an answer as text, decoded; of one that is still coming, what has come. */
export function answered(exchange) {
  const bytes = Buffer.concat(exchange.answered);
  const decode = DECODERS[exchange.answerHeaders?.["content-encoding"]];
  if (!decode) return bytes.toString("utf8");
  try {
    return decode(bytes).toString("utf8");
  } catch {
    // An answer that was cut off.
    return "";
  }
}
