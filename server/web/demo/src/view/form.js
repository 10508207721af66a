/**
 * Handles a form's submission.
 *
 * @param {(fields: Record<string, string>, form: HTMLFormElement) => unknown} handle
 */
export const formOf = (handle) => (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  handle(Object.fromEntries(new FormData(form)), form);
};
