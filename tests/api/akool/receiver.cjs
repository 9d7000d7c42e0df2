// Reads one message as the vendor's page shows it for Node: the first 16 bytes of the id are the first block.
// Usage: node receiver.cjs CLIENT_ID CLIENT_SECRET < message
const crypto = require("node:crypto");

const [clientId, clientSecret] = process.argv.slice(2);
const message = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const parts = [clientId, String(message.timestamp), message.nonce, message.dataEncrypt].sort();
const signature = crypto.createHash("sha1").update(parts.join("")).digest("hex");
if (signature !== message.signature) throw new Error("The signature is another one.");
const key = Buffer.from(clientSecret, "utf8");
const iv = Buffer.from(clientId, "utf8").subarray(0, 16);
const decipher = crypto.createDecipheriv("aes-192-cbc", key, iv);
const plain = Buffer.concat([decipher.update(Buffer.from(message.dataEncrypt, "base64")), decipher.final()]);
process.stdout.write(plain.toString("utf8"));
