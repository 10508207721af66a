//! The channel that does what its rules say.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use vestibule_channels::{
    Channel, Context, ErrorReply, HandleResult, Handled, Incoming, JoinReply, JoinResult, Meta, Payload,
    Stop, SubscriberId,
};

use super::rules::{ChannelRules, PublishReply};
use crate::approve::Identity;

/// The longest value of a parameter that the presence list shows, in bytes of JSON.
const MAX_PARAM: usize = 256;

/// A topic that is configured, or was when its first subscriber joined.
pub(super) struct ConfiguredChannel {
    rules: Option<Arc<ChannelRules>>,
}

/// How the presence list shows a subscriber.
pub(super) struct Shown {
    key: String,
    meta: Meta,
}

impl ConfiguredChannel {
    pub(super) fn new(rules: Option<Arc<ChannelRules>>) -> Self {
        Self { rules }
    }

    /// Goes by other rules from now on. Those who may no longer be here leave.
    pub(super) fn adopt(&mut self, cx: &mut Context<'_, Self>, rules: Option<Arc<ChannelRules>>) {
        let was_present = self.has_presence();
        self.rules = rules;
        let all: Vec<SubscriberId> = cx.subscribers().collect();
        for who in all {
            if !self.rules.as_ref().is_some_and(|rules| rules.join.admits(cx.connect_assigns(who))) {
                cx.stop(who, Stop::Normal);
            } else if was_present && !self.has_presence() {
                cx.untrack_all(who);
            } else if !was_present && self.has_presence() {
                show(cx, who);
            }
        }
    }

    fn has_presence(&self) -> bool {
        self.rules.as_ref().is_some_and(|rules| rules.presence)
    }
}

impl Channel for ConfiguredChannel {
    type ConnectAssigns = Identity;
    type Assigns = Shown;

    fn join(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId, params: &Payload) -> JoinResult<Shown> {
        let identity = cx.connect_assigns(who);
        let admitted = self.rules.as_ref().filter(|rules| rules.join.admits(identity));
        let Some(rules) = admitted else { return Err(ErrorReply(unauthorized())) };
        let key = identity.account().unwrap_or_else(|| format!("guest-{}", who.connection));
        Ok(JoinReply::empty(Shown { key, meta: meta(params, &rules.presence_params) }))
    }

    fn joined(&mut self, cx: &mut Context<'_, Self>, who: SubscriberId) {
        if self.has_presence() {
            show(cx, who);
        }
    }

    fn handle_in(&mut self, cx: &mut Context<'_, Self>, message: Incoming) -> HandleResult {
        let Incoming { from, event, payload, .. } = message;
        let rules = self.rules.as_ref().filter(|rules| rules.publish.allows(&event));
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
    let Shown { key, meta } = cx.assigns(who);
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
