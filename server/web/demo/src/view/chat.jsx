/** A chat among members. The server delivers only ciphertext. */
export function Chat({ person, attempt }) {
  const send = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { text } = Object.fromEntries(new FormData(form));
    if (!text.trim()) return;
    attempt(() => person.sendMessage(text))();
    form.reset();
  };
  const { messages } = person.state.value;
  return (
    <div class="chat">
      <ol aria-label={`Messages that ${person.title} sees`} aria-live="polite">
        {messages.map(({ from, text }) => (
          <li class={from === person.title ? "own" : ""}>
            <span class="from">{from}</span> {text}
          </li>
        ))}
      </ol>
      <form onSubmit={send}>
        <label>
          Message
          <input name="text" autocomplete="off" placeholder="Only members can read it" />
        </label>
        <button>Send</button>
      </form>
    </div>
  );
}
