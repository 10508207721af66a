/** Runs steps one at a time, in the order in which they were added. */
export class Sequence {
  #last = Promise.resolve();

  /**
   * @template T
   * @param {() => T | Promise<T>} step starts when the previous step has settled, failed or not
   * @returns {Promise<T>} the step's result
   */
  run(step) {
    const done = this.#last.then(step);
    this.#last = done.then(() => {}, () => {});
    return done;
  }
}
