/** Asks for an operator's token. */
export function SignIn({ connection }) {
  const submit = (event) => {
    event.preventDefault();
    const { token } = Object.fromEntries(new FormData(event.currentTarget));
    connection.signIn(token.trim());
  };
  return (
    <form class="sign-in" onSubmit={submit}>
      <label>
        Operator token
        <input name="token" type="password" required autocomplete="off" />
      </label>
      <button disabled={connection.status.value === "connecting"}>Sign in</button>
      <p class="small">
        The server’s <code>--admin-tokens</code> file lists the valid tokens or their hashes.
      </p>
      {connection.error.value && (
        <p class="error" role="alert">
          {connection.error.value}
        </p>
      )}
    </form>
  );
}
