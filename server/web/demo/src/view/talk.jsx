/** What the key is for: members talk, and the server carries ciphertext. */
export function Talk({ person, tries }) {
  const say = (event) => {
    event.preventDefault();
    const form = event.currentTarget;
    const { text } = Object.fromEntries(new FormData(form));
    if (!text.trim()) return;
    tries(() => person.say(text))();
    form.reset();
  };
  const { messages } = person.seen.value;
  return (
    <div class="talk">
      <ol aria-label={`Messages that ${person.title} reads`} aria-live="polite">
        {messages.map(({ from, text }) => (
          <li class={from === person.title ? "own" : ""}>
            <span class="from">{from}</span> {text}
          </li>
        ))}
      </ol>
      <form onSubmit={say}>
        <label>
          Message
          <input name="text" autocomplete="off" placeholder="Only members can read it" />
        </label>
        <button>Send</button>
      </form>
    </div>
  );
}
