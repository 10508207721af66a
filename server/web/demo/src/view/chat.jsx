import { formOf } from "./form.js";

/** A chat among members. The server delivers only ciphertext. */
export function Chat({ person, attempt }) {
  const send = async ({ text }, form) => {
    if (!text.trim()) return;
    await person.sendMessage(text);
    // What could not be sent stays in the field.
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
      <form onSubmit={formOf(attempt(send))}>
        <label>
          Message
          <input name="text" autocomplete="off" placeholder="Only members can read it" />
        </label>
        <button>Send</button>
      </form>
    </div>
  );
}
