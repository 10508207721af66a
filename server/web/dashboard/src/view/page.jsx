import { PLOTS } from "../figures.js";
import { Plot } from "./plot.jsx";
import { Rooms } from "./rooms.jsx";
import { SignIn } from "./sign-in.jsx";
import { Tiles } from "./tiles.jsx";

/** The whole page. */
export function Page({ connection }) {
  const operator = connection.operator.value;
  return (
    <>
      <header class="row">
        <img src="/icon.svg" alt="" width="32" height="32" />
        <h1>Vestibule</h1>
        {operator && <Operator connection={connection} operator={operator} />}
      </header>
      <main>
        {operator ? <SignedIn connection={connection} operator={operator} /> : <SignIn connection={connection} />}
      </main>
    </>
  );
}

function Operator({ connection, operator: { name, access } }) {
  const isLive = connection.status.value === "in";
  return (
    <p class="operator" role="status">
      {isLive ? `live, signed in as ${name} (${access})` : "connection lost; reconnecting …"}{" "}
      <button onClick={() => connection.signOut()}>Sign out</button>
    </p>
  );
}

function SignedIn({ connection, operator }) {
  return (
    <>
      <Tiles samples={connection.last.value} />
      <div class="plots">
        {PLOTS.map((plot, index) => (
          <Plot key={plot.title} plot={plot} columns={connection.columns.value[index]} />
        ))}
      </div>
      <Rooms admin={connection.admin} isFull={operator.access === "full"} isLive={connection.status.value === "in"} />
    </>
  );
}
