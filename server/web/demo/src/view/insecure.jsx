/** Shown where the browser keeps its cryptography from the page. */
export function Insecure() {
  return (
    <main class="alone">
      <h1>This page needs https</h1>
      <p>
        Keys are made and used in the browser, and browsers do that only in pages that came over <strong>https</strong> or
        from this very machine. This one came from <code>{location.origin}</code>.
      </p>
      <p>Either put a proxy with a certificate before the server, or bring its port to your machine and open that:</p>
      <pre>ssh -L 4000:127.0.0.1:4000 {location.hostname}</pre>
      <p>
        and then <code>http://127.0.0.1:4000</code>.
      </p>
    </main>
  );
}
