/** Caddy with `docs/proxies/Caddyfile`. */
import { CERTIFICATE, KEY, documented, proxied } from "./front.js";

proxied("Caddy", {
  file: "Caddyfile",
  async configuration({ front, back }, folder) {
    const site = await documented("Caddyfile", [
      ["chat.example.com {", `https://localhost:${front} {\n\tbind 127.0.0.1\n\ttls ${CERTIFICATE} ${KEY}`],
      [":443 {", `:${front} {\n\tbind 127.0.0.1`],
      ["log {", `log {\n\t\toutput file ${folder}/access.log`],
      ["reverse_proxy 127.0.0.1:4000", `reverse_proxy 127.0.0.1:${back}`],
    ]);
    return `{\n\tadmin off\n\tauto_https off\n\tlog {\n\t\toutput stdout\n\t}\n}\n${site}`;
  },
  command: (file) => ["caddy", "run", "--adapter", "caddyfile", "--config", file],
  announcement: "serving initial configuration",
});
