import { useRef } from "preact/hooks";
import { TABS } from "../address.js";

const LABELS = { rooms: "A key for Bob", lobby: "Lobby" };

/** How many tabs each key goes to the right. */
const STEPS = { ArrowRight: 1, ArrowLeft: -1 };

/** The tabs, as one stop of the Tab key; arrow keys choose. */
export function Tabs({ address }) {
  const list = useRef(null);
  const choose = (tab) => {
    address.tab.value = tab;
    list.current.querySelector(`#tab-${tab}`).focus();
  };
  const onKeyDown = (event) => {
    const at = TABS.indexOf(address.tab.value);
    const ends = { Home: 0, End: TABS.length - 1 };
    const next = STEPS[event.key] ? at + STEPS[event.key] + TABS.length : ends[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(TABS[next % TABS.length]);
  };
  return (
    <div class="tabs" role="tablist" aria-label="What to try" ref={list} onKeyDown={onKeyDown}>
      {TABS.map((tab) => (
        <button
          key={tab}
          id={`tab-${tab}`}
          role="tab"
          aria-selected={tab === address.tab.value}
          aria-controls={`panel-${tab}`}
          tabIndex={tab === address.tab.value ? 0 : -1}
          onClick={() => choose(tab)}
        >
          {LABELS[tab]}
        </button>
      ))}
    </div>
  );
}

/** What a tab shows. A hidden panel keeps its state. */
export function Panel({ address, tab, children }) {
  return (
    <div id={`panel-${tab}`} role="tabpanel" aria-labelledby={`tab-${tab}`} hidden={tab !== address.tab.value}>
      {children}
    </div>
  );
}
