//! The channel that does what its rules say.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use serde::Deserialize;
use serde_json::{Value, json};
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Meta, Payload,
    Stop, SubscriberId,
};

use super::{
    rules::{ChannelRules, PublishReply},
    visitor::Visitor,
};
use crate::{
    approve::Identity,
    login::{Login, Logins, Right},
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
    rules: Option<Arc<ChannelRules>>,
    logins: Arc<Logins>,
    /// When it looks whose login is over.
    looks_at: Option<Instant>,
}

/// A subscriber: who it is, and how the presence list shows it.
pub(super) struct Seat {
    visitor: Visitor,
    key: String,
    meta: Meta,
}

/// The payload of [`ACCESS_TOKEN`].
#[derive(Deserialize)]
struct Renewal {
    access_token: String,
}

impl ConfiguredChannel {
    pub(super) fn new(topic: &str, rules: Option<Arc<ChannelRules>>, logins: Arc<Logins>) -> Self {
        Self { topic: topic.to_owned(), rules, logins, looks_at: None }
    }

    /// Goes by other rules from now on. Those who may no longer be here leave.
    pub(super) fn adopt(&mut self, cx: &mut Context<'_, Self>, rules: Option<Arc<ChannelRules>>) {
        let before = self.rules.clone();
        self.rules = rules;
        let had_presence = before.is_some_and(|rules| rules.presence);
        let all: Vec<SubscriberId> = cx.subscribers().collect();
        for who in all {
            let is_shown = self.admits(&cx.assigns(who).visitor, Right::Presence) && self.has_presence();
            if !self.admits(&cx.assigns(who).visitor, Right::Join) {
                cx.stop(who, Stop::Normal);
            } else if had_presence && !is_shown {
                cx.untrack_all(who);
            } else if !had_presence && is_shown {
                show(cx, who);
            }
        }
        self.watch(cx);
    }

    fn has_presence(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.presence)
    }

    fn admits(&self, visitor: &Visitor, right: Right) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.join.admits(visitor, &self.topic, right))
    }

    /// Looks again when the first login is over.
    fn watch(&mut self, cx: &Context<'_, Self>) {
        let logins = cx.subscribers().filter_map(|who| cx.assigns(who).visitor.login());
        let remaining = logins.map(|login| self.logins.remaining(login).unwrap_or_default()).min();
        let Some(delay) = remaining.map(|remaining| remaining.min(LOOK)) else { return };
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
        let is_over = |login: &Arc<Login>| self.logins.remaining(login).is_none();
        let over = |who: &SubscriberId| cx.assigns(*who).visitor.login().is_some_and(is_over);
        let expired: Vec<SubscriberId> = cx.subscribers().filter(over).collect();
        for who in expired {
            let visitor = &mut cx.assigns_mut(who).visitor;
            visitor.expire();
            if !self.admits(visitor, Right::Join) {
                cx.stop(who, Stop::Normal);
            }
        }
    }

    fn renew(&self, cx: &mut Context<'_, Self>, who: SubscriberId, payload: &Payload) -> HandleResult {
        let Renewal { access_token } = payload.parse()?;
        let login = self.logins.check(&access_token).map_err(|_| ErrorReply(unauthorized()))?;
        let is_own = cx.assigns_mut(who).visitor.renew(login);
        if is_own { Ok(Handled::empty()) } else { Err(ErrorReply(unauthorized())) }
    }
}

impl Channel for ConfiguredChannel {
    type ConnectAssigns = Identity;
    type Assigns = Seat;

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<Seat> {
        let visitor = Visitor::of(cx.connect_assigns(who), &self.logins);
        let rules = self.rules.as_ref().filter(|_| self.admits(&visitor, Right::Join));
        let Some(rules) = rules else { return Err(ErrorReply(unauthorized())) };
        let key = visitor.account().unwrap_or_else(|| format!("guest-{}", who.connection));
        Ok(JoinReply::empty(Seat { visitor, key, meta: meta(params, &rules.presence_params) }))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
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
        if rules.echo {
            cx.broadcast(&event, payload.clone());
        } else {
            cx.broadcast_from(from, &event, payload.clone());
        }
        Ok(match rules.reply {
            PublishReply::None => Handled::NoReply,
            PublishReply::Empty => Handled::empty(),
            PublishReply::Payload => Handled::ok(payload),
        })
    }
}

/// The answer to a join that is not allowed, whether or not anybody is in the topic.
pub(super) fn unauthorized() -> Payload {
    Payload::of(&json!({ "reason": "unauthorized" }))
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

/// What the presence list says beside the key: since when, as Phoenix's guide has it, and the
/// parameters that it may show.
fn meta(params: &Payload, shown: &[String]) -> Meta {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut meta = Meta::from_iter([("online_at".to_owned(), Value::from(now.as_secs().to_string()))]);
    if !shown.is_empty()
        && let Ok(params) = params.parse::<Meta>()
    {
        let allowed = params.into_iter().filter(|(name, _)| shown.contains(name));
        meta.extend(allowed.filter(|(_, value)| value.to_string().len() <= MAX_PARAM));
    }
    meta
}
