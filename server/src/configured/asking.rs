//! Joins and renewals that the team's back end decides.

use std::sync::Arc;

use serde_json::{Map, value::RawValue};
use vestibule_channels::{Context, Handled, Payload, SubscriberId};

use super::{
    channel::{ConfiguredChannel, refusal, renewed},
    rules::JoinRule,
    visitor::{Rights, Visitor},
};
use crate::hook::{Connecting, Denied, Joining, Pass, Unavailable, Verdict};

/// The reason of a refusal after which it is worth trying again.
const UNAVAILABLE: &str = "unavailable";

impl ConfiguredChannel {
    /// Asks whether somebody may join, and then has them join or not.
    pub(super) fn ask(
        &self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        visitor: Visitor,
        params: &Payload,
    ) {
        let accounts = Arc::clone(&self.shared.accounts);
        let address = cx.connect_assigns(who).address();
        let (topic, params) = (cx.topic().clone(), params.clone());
        let asked = (visitor.clone(), params.clone());
        let asking = async move {
            let (visitor, params) = asked;
            let text = params.as_json().map_or("{}", |json| json.as_str()).to_owned();
            let (Some(hook), Ok(params)) = (accounts.hook(), RawValue::from_string(text)) else {
                return Err(Unavailable);
            };
            let account = visitor.account();
            hook.join(Joining {
                topic: &topic,
                params: &params,
                account: account.as_deref(),
                uid: visitor.uid(),
                address,
            })
            .await
        };
        cx.spawn(who, asking, move |channel, cx, answer| channel.decide(cx, who, visitor, &params, answer));
    }

    fn decide(
        &self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        mut visitor: Visitor,
        params: &Payload,
        answer: Result<Verdict<Pass>, Unavailable>,
    ) {
        let Pass { rights, reply, expires } = match answer {
            Ok(Ok(pass)) => pass,
            Ok(Err(Denied(reason))) => return cx.refuse(who, refusal(&reason)),
            Err(Unavailable) => return cx.refuse(who, refusal(UNAVAILABLE)),
        };
        // The rules may be others by now: then these are asked at the next attempt.
        let Some(rules) = self.rules.as_ref().filter(|rules| rules.join == JoinRule::Hook) else {
            return cx.refuse(who, refusal(UNAVAILABLE));
        };
        visitor.let_in(Rights { rights, expires });
        let (seat, response) = self.seat(who, visitor, params, rules, reply);
        cx.admit(who, seat, response);
    }

    /// Finds out whose token this is, and then renews the login with it or not.
    pub(super) fn ask_to_renew(
        &self,
        cx: &mut Context<'_, Self>,
        who: SubscriberId,
        token: String,
    ) -> Handled {
        let accounts = Arc::clone(&self.shared.accounts);
        let address = cx.connect_assigns(who).address();
        let asking = async move { accounts.find(&Connecting { token, params: Map::new(), address }).await };
        cx.spawn(who, asking, move |_, cx, found| {
            let handled = match found {
                Ok(Ok(login)) => renewed(cx, who, login),
                Ok(Err(Denied(reason))) => Handled::error(refusal(&reason)),
                Err(Unavailable) => Handled::error(refusal(UNAVAILABLE)),
            };
            cx.proceed(who, handled);
        });
        Handled::Wait
    }
}
