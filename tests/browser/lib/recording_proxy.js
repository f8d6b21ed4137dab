// A proxy between the browser and the service that passes every byte on and records it.
import http from "node:http";
import zlib from "node:zlib";

const DECODERS = { gzip: zlib.gunzipSync, br: zlib.brotliDecompressSync, deflate: zlib.inflateSync };

/** Starts a proxy on `port` to the service on `target`. `exchanges` are the recorded requests with their responses. */
export async function startRecordingProxy(port, target) {
  const exchanges = [];
  const server = http.createServer((request, response) => {
    const exchange = {
      method: request.method,
      url: request.url,
      path: request.url.split("?")[0],
      headers: request.headers,
      requestChunks: [],
      responseChunks: [],
    };
    exchanges.push(exchange);
    const forwarded = http.request(
      { host: "127.0.0.1", port: target, method: request.method, path: request.url, headers: request.headers },
      (answer) => {
        exchange.responseHeaders = answer.headers;
        response.writeHead(answer.statusCode, answer.rawHeaders);
        answer.on("data", (bytes) => exchange.responseChunks.push(bytes));
        answer.pipe(response);
      },
    );
    forwarded.on("error", () => response.destroy());
    request.on("data", (bytes) => exchange.requestChunks.push(bytes));
    request.pipe(forwarded);
    response.on("close", () => {
      exchange.hasEnded = true;
      forwarded.destroy();
    });
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

/** Returns the body of a request as text. */
export function requestText(exchange) {
  return Buffer.concat(exchange.requestChunks).toString("utf8");
}

/** Returns the decoded body of a response as text, or what has arrived of it. */
export function responseText(exchange) {
  const bytes = Buffer.concat(exchange.responseChunks);
  const decode = DECODERS[exchange.responseHeaders?.["content-encoding"]];
  if (!decode) return bytes.toString("utf8");
  try {
    return decode(bytes).toString("utf8");
  } catch {
    // The response was cut off.
    return "";
  }
}
