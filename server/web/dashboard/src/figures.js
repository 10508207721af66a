/** The figures of the dashboard, each computed from two consecutive samples. */
import { quantile, rate, total } from "./series.js";

/**
 * @typedef {object} Figure
 * @property {string} label
 * @property {string} color the name of a theme variable
 * @property
 *   {(before: import("./series.js").Sample, now: import("./series.js").Sample) => number | null} of
 *
 * @typedef {object} Plot
 * @property {string} title
 * @property {(value: number) => string} format
 * @property {Figure[]} figures
 */

const gauge = (name, labels) => (_, now) => total(now, name, labels);
const perSecond = (name, labels) => (before, now) => rate(before, now, name, labels);
const percentile = (name, share) => (before, now) => quantile(before, now, name, share);

const UNITS = ["", "k", "M", "G", "T"];

/** @param {number} value @returns {string} such as `12.3k` */
export function count(value) {
  let [rest, unit] = [value, 0];
  while (Math.abs(rest) >= 1000 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${Number(rest.toPrecision(3))}${UNITS[unit]}`;
}

/** @param {number} value @returns {string} such as `12 MiB` */
export function bytes(value) {
  const gibibytes = value / 2 ** 30;
  return gibibytes < 10 ? `${Math.round(gibibytes * 1024)} MiB` : `${Math.round(gibibytes)} GiB`;
}

/** @param {number} seconds @returns {string} such as `3.2 ms` or `2 h` */
export function duration(seconds) {
  if (seconds === 0) return "0 s";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(2))} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

/** @type {Plot[]} */
export const PLOTS = [
  {
    title: "Connections",
    format: count,
    figures: [
      { label: "WebSocket", color: "--channel", of: gauge("vestibule_connections", { transport: "websocket" }) },
      { label: "long poll", color: "--room", of: gauge("vestibule_connections", { transport: "longpoll" }) },
    ],
  },
  {
    title: "Running rooms",
    format: count,
    figures: [{ label: "rooms", color: "--room", of: gauge("vestibule_rooms_running", { kind: "room" }) }],
  },
  {
    title: "Frames per second",
    format: count,
    figures: [
      { label: "in", color: "--bob", of: perSecond("vestibule_frames_received_total") },
      { label: "out", color: "--alice", of: perSecond("vestibule_frames_sent_total") },
    ],
  },
  {
    title: "Store, per second",
    format: count,
    figures: [
      { label: "commands", color: "--bob", of: perSecond("vestibule_store_commands_total") },
      { label: "commits", color: "--alice", of: perSecond("vestibule_store_commits_total") },
    ],
  },
  {
    title: "Commit time",
    format: duration,
    figures: [
      { label: "median", color: "--bob", of: percentile("vestibule_store_commit_duration_seconds", 0.5) },
      { label: "99th percentile", color: "--alarm", of: percentile("vestibule_store_commit_duration_seconds", 0.99) },
    ],
  },
  {
    title: "Store queue",
    format: count,
    figures: [{ label: "commands", color: "--channel", of: gauge("vestibule_store_queue_length") }],
  },
  {
    title: "Waiting requests",
    format: count,
    figures: [
      { label: "not approved", color: "--bob", of: gauge("vestibule_requests_pending") },
      { label: "approved, not collected", color: "--alice", of: gauge("vestibule_approves_waiting") },
    ],
  },
  {
    title: "Time from request to approve",
    format: duration,
    figures: [
      { label: "median", color: "--bob", of: percentile("vestibule_first_approve_seconds", 0.5) },
      { label: "99th percentile", color: "--alarm", of: percentile("vestibule_first_approve_seconds", 0.99) },
    ],
  },
];

/** Single numbers from the last sample. */
export const TILES = [
  { label: "connections", format: count, of: gauge("vestibule_connections") },
  { label: "rooms stored", format: count, of: gauge("vestibule_rooms_stored") },
  { label: "waiting requests", format: count, of: gauge("vestibule_requests_pending") },
  { label: "oldest waiting for", format: duration, of: gauge("vestibule_oldest_pending_request_age_seconds") },
  { label: "refusals per second", format: count, of: perSecond("vestibule_refusals_total") },
  { label: "memory", format: bytes, of: gauge("process_resident_memory_bytes") },
  { label: "database", format: bytes, of: gauge("vestibule_database_bytes") },
  { label: "disk free", format: bytes, of: gauge("vestibule_disk_free_bytes") },
];
