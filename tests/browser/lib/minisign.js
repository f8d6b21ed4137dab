// A key pair that signs plugins in the format of minisign (https://jedisct1.github.io/minisign/).
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** Creates a key pair: its public key, and a function that signs a file and returns the text of the `.minisig` file. */
export function createSigningKey() {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const id = randomBytes(8);
  // The last 32 bytes of the encoded key are the key itself (RFC 8410).
  const raw = publicKey.export({ type: "spki", format: "der" }).subarray(-32);
  const encode = (...parts) => Buffer.concat(parts.map((part) => Buffer.from(part))).toString("base64");
  const signFile = (bytes) => {
    const signature = sign(null, createHash("blake2b512").update(bytes).digest(), privateKey);
    const comment = "signed by a test";
    const whole = sign(null, Buffer.concat([signature, Buffer.from(comment)]), privateKey);
    return `untrusted comment: a test\n${encode("ED", id, signature)}\ntrusted comment: ${comment}\n${encode(whole)}\n`;
  };
  return { publicKey: encode("Ed", id, raw), signFile };
}
