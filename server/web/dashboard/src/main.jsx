/** The operators' page: signs in with a token, and draws what the topic `admin` tells each second. */
import { render } from "preact";
import { Connection } from "./connection.js";
import { Page } from "./view/page.jsx";
import "./view/dashboard.css";

render(<Page connection={new Connection()} />, document.getElementById("page"));
