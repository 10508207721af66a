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
        Operator’s token
        <input name="token" type="password" required autocomplete="off" />
      </label>
      <button disabled={connection.status.value === "connecting"}>Sign in</button>
      <p class="small">
        It is in the file that the server was given with <code>--admin-tokens</code>, or its hash is.
      </p>
      {connection.trouble.value && (
        <p class="trouble" role="alert">
          {connection.trouble.value}
        </p>
      )}
    </form>
  );
}
