/** Shown if the browser denies the page its cryptography. */
export function Insecure() {
  return (
    <main class="alone">
      <h1>This page needs HTTPS</h1>
      <p>
        This page creates and uses keys in your browser. Browsers allow that only for pages that come over
        <strong>HTTPS</strong> or from this machine. This page came from <code>{location.origin}</code>.
      </p>
      <p>Put a reverse proxy with a certificate in front of the server, or forward its port to your machine:</p>
      <pre>ssh -L 4000:127.0.0.1:4000 {location.hostname}</pre>
      <p>
        Then open <code>http://127.0.0.1:4000</code>.
      </p>
    </main>
  );
}
