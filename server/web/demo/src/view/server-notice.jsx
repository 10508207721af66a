/** Says that the server went away. The element is always there, so that readers announce its text. */
export function ServerNotice({ isAway }) {
  return (
    <p class="server-notice" role="status">
      {isAway && "The server is away; trying again … What you see is what was here before."}
    </p>
  );
}
