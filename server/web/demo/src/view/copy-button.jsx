import { useState } from "preact/hooks";

/** Copies a text, which is made when the button is pressed. */
export function CopyButton({ text, children }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text());
    setCopied(true);
  };
  return <button onClick={copy}>{isCopied ? "Copied" : children}</button>;
}
