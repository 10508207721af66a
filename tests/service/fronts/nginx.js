/** nginx with `docs/proxies/nginx.conf`. */
import { CERTIFICATE, KEY, documented, proxied } from "./front.js";

proxied("nginx", {
  file: "nginx.conf",
  async configuration({ front, back }, folder) {
    const site = await documented("nginx.conf", [
      ["listen 443 ssl http2", `listen 127.0.0.1:${front} ssl http2`],
      ["chat.example.com;", "localhost;"],
      ["/var/log/nginx/access.log", `${folder}/access.log`],
      [/^ +listen \[::\].*\n/gm, ""],
      ["server 127.0.0.1:4000", `server 127.0.0.1:${back}`],
      ["/etc/letsencrypt/live/chat.example.com/fullchain.pem", CERTIFICATE],
      ["/etc/letsencrypt/live/chat.example.com/privkey.pem", KEY],
    ]);
    const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    return `daemon off;
pid ${folder}/nginx.pid;
error_log stderr notice;
events {}
http {
access_log off;
${folders.map((name) => `${name}_temp_path ${folder}/nginx-${name};`).join("\n")}
${site}}
`;
  },
  // nginx prints everything on its standard error.
  command: (file) => ["sh", "-c", 'exec /usr/sbin/nginx -e stderr -c "$0" 2>&1', file],
  announcement: "start worker process ",
});
