/**
 * The dashboard for operators: signs in with a token, and draws the samples that the topic `admin`
 * pushes each second.
 */
import { render } from "preact";
import { Connection } from "./connection.js";
import { Page } from "./view/page.jsx";
import "./view/dashboard.css";

render(<Page connection={new Connection()} />, document.getElementById("page"));
