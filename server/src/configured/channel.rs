//! The channel that does what its rules say.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::{Map, Value, json};
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Meta, Payload,
    Stop, SubscriberId,
};

use super::{
    Shared,
    history::{Gap, HistoryLimits, Position, Said},
    rules::{ChannelRules, JoinRule, PublishReply},
    visitor::Visitor,
};
use crate::{
    approve::Identity,
    login::{Login, Right},
};

/// The longest value of a parameter that the presence list shows, in bytes of JSON.
const MAX_PARAM: usize = 256;

/// How long at most until it is looked again whose login is over: a timer outlives its topic.
const LOOK: Duration = Duration::from_secs(30);

/// The event that renews a login, as in Supabase's protocol.
const ACCESS_TOKEN: &str = "access_token";

/// A topic that is configured, or was when its first subscriber joined.
pub(super) struct ConfiguredChannel {
    topic: String,
    pub(super) rules: Option<Arc<ChannelRules>>,
    pub(super) shared: Arc<Shared>,
    /// What everybody in the topic has been sent, if it has a history.
    sent: Option<Position>,
    /// When it looks whose login is over.
    looks_at: Option<Instant>,
}

/// A subscriber: who it is, and how the presence list shows it.
pub(super) struct Seat {
    pub(super) visitor: Visitor,
    key: String,
    meta: Meta,
    /// What it has missed, until it is sent.
    missed: Vec<Arc<Said>>,
}

/// What a join says of the history.
#[derive(Deserialize)]
struct Seen {
    last_id: Option<String>,
}

/// Finds the field that only the server may set.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "_id", default)]
    id: IsThere,
}

/// Whether there is a field, whatever is in it.
#[derive(Default)]
struct IsThere(bool);

impl<'de> Deserialize<'de> for IsThere {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// The payload of [`ACCESS_TOKEN`].
#[derive(Deserialize)]
struct Renewal {
    access_token: String,
}

impl ConfiguredChannel {
    pub(super) fn new(topic: &str, rules: Option<Arc<ChannelRules>>, shared: Arc<Shared>) -> Self {
        let sent = has_history(rules.as_deref()).then(|| shared.histories.begin(topic));
        Self { topic: topic.to_owned(), rules, shared, sent, looks_at: None }
    }

    /// Sends a message of the history, and those before it, to all who have not been sent them.
    pub(super) fn tell(&mut self, cx: &Context<'_, Self>, until: Position) {
        for said in self.shared.histories.take_unsent(&self.topic, until) {
            match said.except {
                None => cx.broadcast(&said.event, said.payload.clone()),
                Some(sender) => cx.broadcast_from(sender, &said.event, said.payload.clone()),
            }
            self.sent = self.sent.map(|_| said.at);
        }
    }

    /// What somebody who comes back has missed, and what the reply to the join says of it.
    fn missed(&self, params: &Payload) -> (Vec<Arc<Said>>, Option<Value>) {
        let Some(sent) = self.sent else { return (Vec::new(), None) };
        let last_id = params.parse::<Seen>().ok().and_then(|seen| seen.last_id);
        let Some(last_id) = last_id else {
            return (Vec::new(), Some(json!({ "last_id": sent.to_string() })));
        };
        let seen = last_id.parse().map_err(|()| Gap::Forgotten);
        let missed = seen.and_then(|seen| self.shared.histories.since(&self.topic, seen));
        let missed = missed.and_then(|missed| {
            // What was said since all were sent everything comes to the newcomer with the others.
            let missed: Vec<_> = missed.into_iter().filter(|said| said.at.number <= sent.number).collect();
            let bytes: usize = missed.iter().map(|said| said.payload.size() + said.event.len()).sum();
            let fits = missed.len() <= self.shared.catch_up.frames && bytes <= self.shared.catch_up.bytes;
            if fits { Ok(missed) } else { Err(Gap::TooFarBehind) }
        });
        let last_id = sent.to_string();
        match missed {
            Ok(missed) => {
                let said = json!({ "last_id": last_id, "missed": missed.len() });
                (missed, Some(said))
            }
            Err(gap) => (Vec::new(), Some(json!({ "last_id": last_id, "gap": gap.as_str() }))),
        }
    }

    /// The seat of somebody who may join, and the response: this one and what it says of the
    /// history.
    pub(super) fn seat(
        &self,
        who: SubscriberId,
        visitor: Visitor,
        params: &Payload,
        rules: &ChannelRules,
        mut response: Map<String, Value>,
    ) -> (Seat, Payload) {
        let key = visitor.account().unwrap_or_else(|| format!("guest-{}", who.connection));
        let (missed, history) = self.missed(params);
        response.extend(history.map(|history| ("history".to_owned(), history)));
        let response = if response.is_empty() { Payload::empty() } else { Payload::of(&response) };
        let meta = meta(params, &rules.presence_params, &visitor);
        (Seat { visitor, key, meta, missed }, response)
    }

    /// Goes by other rules from now on. Those who may no longer be here leave.
    pub(super) fn adopt(&mut self, cx: &mut Context<'_, Self>, rules: Option<Arc<ChannelRules>>) {
        let before = self.rules.clone();
        self.rules = rules;
        if has_history(before.as_deref()) != has_history(self.rules.as_deref()) {
            let begins = self.sent.is_none();
            self.sent = begins.then(|| self.shared.histories.sent(&self.topic));
        }
        let had_presence = before.is_some_and(|rules| rules.presence);
        let all: Vec<SubscriberId> = cx.subscribers().collect();
        for who in all {
            let is_shown = self.admits(&cx.assigns(who).visitor, Right::Presence) && self.has_presence();
            if !self.admits(&cx.assigns(who).visitor, Right::Join) {
                cx.stop(who, self.way_out());
            } else if had_presence && !is_shown {
                cx.untrack_all(who);
            } else if !had_presence && is_shown {
                show(cx, who);
            }
        }
        self.watch(cx);
    }

    /// How somebody leaves who may no longer be here. Where the hook decides, the client asks
    /// again.
    fn way_out(&self) -> Stop {
        let asks = self.rules.as_ref().is_some_and(|rules| rules.join == JoinRule::Hook);
        if asks { Stop::Crash } else { Stop::Normal }
    }

    fn has_presence(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.presence)
    }

    fn admits(&self, visitor: &Visitor, right: Right) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.join.admits(visitor, &self.topic, right))
    }

    /// Looks again when the first login is over.
    fn watch(&mut self, cx: &Context<'_, Self>) {
        let ends = cx.subscribers().filter_map(|who| cx.assigns(who).visitor.expires());
        let Some(first) = ends.min() else { return };
        let delay = self.shared.accounts.logins().remaining(first).unwrap_or_default().min(LOOK);
        let due = Instant::now() + delay;
        if self.looks_at.is_some_and(|looks_at| looks_at <= due) {
            return;
        }
        self.looks_at = Some(due);
        cx.later(delay, |channel, cx| {
            channel.looks_at = None;
            channel.end_expired(cx);
            channel.watch(cx);
        });
    }

    /// Ends the joins whose logins are over and were not renewed.
    fn end_expired(&self, cx: &mut Context<'_, Self>) {
        let logins = self.shared.accounts.logins();
        let is_over = |expires: i64| logins.remaining(expires).is_none();
        let over = |who: &SubscriberId| cx.assigns(*who).visitor.expires().is_some_and(is_over);
        let expired: Vec<SubscriberId> = cx.subscribers().filter(over).collect();
        for who in expired {
            let visitor = &mut cx.assigns_mut(who).visitor;
            visitor.expire(logins);
            if !self.admits(visitor, Right::Join) {
                cx.stop(who, self.way_out());
            }
        }
    }

    /// Keeps a message for those who come back, and sends it to those who are here. Returns it with
    /// its `_id`.
    fn keep(
        &mut self,
        cx: &Context<'_, Self>,
        limits: HistoryLimits,
        (from, echo): (SubscriberId, bool),
        event: &str,
        payload: &Payload,
    ) -> Result<Payload, ErrorReply> {
        let Some(object) = without_id(payload) else {
            let detail = "expected an object without _id, which the server adds";
            return Err(ErrorReply::of(&json!({ "reason": "bad_payload", "detail": detail })));
        };
        let except = (!echo).then_some(from);
        let said = self.shared.histories.append(&self.topic, limits, event, object, except);
        self.tell(cx, said.at);
        Ok(said.payload.clone())
    }

    /// The response of an empty reply: where the topic stands, if it has a history.
    fn position(&self) -> Payload {
        self.sent.map_or_else(Payload::empty, |sent| Payload::of(&json!({ "_id": sent.to_string() })))
    }

    fn renew(&self, cx: &mut Context<'_, Self>, who: SubscriberId, payload: &Payload) -> HandleResult {
        let Renewal { access_token } = payload.parse()?;
        let accounts = &self.shared.accounts;
        if accounts.must_ask(&access_token) {
            return Ok(self.ask_to_renew(cx, who, access_token));
        }
        let login = accounts.logins().check(&access_token).map_err(|_| ErrorReply(unauthorized()))?;
        Ok(renewed(cx, who, login))
    }
}

impl Channel for ConfiguredChannel {
    type ConnectAssigns = Identity;
    type Assigns = Seat;

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<Seat> {
        let visitor = Visitor::of(cx.connect_assigns(who), self.shared.accounts.logins());
        if self.rules.as_ref().is_some_and(|rules| rules.join == JoinRule::Hook) {
            self.ask(cx, who, visitor, params);
            return Ok(JoinReply::Later);
        }
        let rules = self.rules.as_ref().filter(|_| self.admits(&visitor, Right::Join));
        let Some(rules) = rules else { return Err(ErrorReply(unauthorized())) };
        let (seat, response) = self.seat(who, visitor, params, rules, Map::new());
        Ok(JoinReply::Ok(seat, response))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        for said in std::mem::take(&mut cx.assigns_mut(who).missed) {
            cx.push(who, &said.event, said.payload.clone());
        }
        if self.has_presence() && self.admits(&cx.assigns(who).visitor, Right::Presence) {
            show(cx, who);
        } else {
            cx.hide_presence(who);
        }
        self.watch(cx);
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let Incoming { from, event, payload, .. } = message;
        if event == ACCESS_TOKEN {
            return self.renew(cx, from, &payload);
        }
        let may_publish = self.admits(&cx.assigns(from).visitor, Right::Publish);
        let rules = self.rules.as_ref().filter(|rules| may_publish && rules.publish.allows(&event));
        let Some(rules) = rules else {
            let detail = "clients may not publish this event here";
            return Err(ErrorReply::of(&json!({ "reason": "not_allowed", "detail": detail })));
        };
        check(rules, &event, &payload)?;
        let (echo, reply) = (rules.echo, rules.reply);
        let payload = match rules.history {
            Some(limits) => self.keep(cx, limits, (from, echo), &event, &payload)?,
            None if echo => {
                cx.broadcast(&event, payload.clone());
                payload
            }
            None => {
                cx.broadcast_from(from, &event, payload.clone());
                payload
            }
        };
        Ok(match reply {
            PublishReply::None => Handled::NoReply,
            PublishReply::Empty => Handled::ok(self.position()),
            PublishReply::Payload => Handled::ok(payload),
        })
    }
}

/// Gives a subscriber, if it is still there, a later login of its account.
pub(super) fn renewed(
    cx: &mut Context<'_, ConfiguredChannel>,
    who: SubscriberId,
    login: Arc<Login>,
) -> Handled {
    let is_own = cx.subscriber(who).is_some() && cx.assigns_mut(who).visitor.renew(login);
    if is_own { Handled::empty() } else { Handled::error(unauthorized()) }
}

fn has_history(rules: Option<&ChannelRules>) -> bool {
    rules.is_some_and(|rules| rules.history.is_some())
}

/// The answer to a join that is not allowed, whether or not anybody is in the topic.
pub(super) fn unauthorized() -> Payload {
    refusal("unauthorized")
}

/// The answer to a join that is refused.
pub(super) fn refusal(reason: &str) -> Payload {
    Payload::of(&json!({ "reason": reason }))
}

/// The text of a payload that a history can keep: an object without `_id`, which the server adds.
pub(super) fn without_id(payload: &Payload) -> Option<&str> {
    let json = payload.as_json()?;
    matches!(payload.parse(), Ok(Probe { id: IsThere(false) })).then(|| json.as_str())
}

/// The subscribers that belong to an account.
pub(super) fn subscribers_of(cx: &Context<'_, ConfiguredChannel>, account: &str) -> Vec<SubscriberId> {
    let is_theirs = |who: &SubscriberId| cx.assigns(*who).visitor.account().as_deref() == Some(account);
    cx.subscribers().filter(is_theirs).collect()
}

/// Phoenix broadcasts only objects and bytes.
fn check(rules: &ChannelRules, event: &str, payload: &Payload) -> Result<(), ErrorReply> {
    if let Payload::Json(json) = payload
        && !json.as_str().starts_with('{')
    {
        return Err(ErrorReply::of(&json!({ "reason": "bad_payload", "detail": "expected an object" })));
    }
    match rules.max_payload.of(event) {
        Some(limit) if payload.size() > limit => {
            let detail = format!("a payload of this event may have {limit} bytes");
            Err(ErrorReply::of(&json!({ "reason": "too_large", "detail": detail })))
        }
        _ => Ok(()),
    }
}

fn show(cx: &mut Context<'_, ConfiguredChannel>, who: SubscriberId) {
    let Seat { key, meta, .. } = cx.assigns(who);
    let (key, meta) = (key.clone(), meta.clone());
    // It finds itself in the list, and needs no diff of its own.
    cx.hide_presence(who);
    cx.track(who, &key, meta);
    cx.show_presence(who);
}

/// What the presence list says beside the key: since when, as Phoenix's guide has it, the
/// parameters that it may show, and what the login says, which no client can change.
fn meta(params: &Payload, shown: &[String], visitor: &Visitor) -> Meta {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut meta = Meta::from_iter([("online_at".to_owned(), Value::from(now.as_secs().to_string()))]);
    if !shown.is_empty()
        && let Ok(params) = params.parse::<Meta>()
    {
        let allowed = params.into_iter().filter(|(name, _)| shown.contains(name));
        meta.extend(allowed.filter(|(_, value)| value.to_string().len() <= MAX_PARAM));
    }
    if let Some(login) = visitor.login() {
        let fields = login.shown.fields().iter();
        meta.extend(fields.map(|(name, value)| (name.clone(), value.clone())));
    }
    meta
}
