//! A guest's request for the room key.

use vestibule_approve::{
    frames::Request,
    items::{RequestItem, ServerSays},
    refusal::{Reason, Refusal},
    rules::{Change, Command, RequestState},
    text,
};
use vestibule_channels::{Context, Handled, SubscriberId};
use vestibule_store::{Content, pack};

use super::state::{KeyRoom, Visit};
use crate::approve::{
    identity::{account_of, address_of},
    notifications::MemberUpdate,
};

impl KeyRoom {
    pub(super) fn request(
        &mut self,
        cx: &mut Context<'_, Self>,
        visit: Visit,
        request: Request,
    ) -> Result<Handled, Refusal> {
        let (rid, uid) = (visit.rid, visit.caller.uid);
        let device = self.subscribers.get(&visit.to.subscriber).ok_or(Reason::Unauthorized)?.recipient.device;
        let (limits, now) = (&self.services.config.limits, self.services.clock.now_ms());
        let digest = request.check(&rid, &uid, limits, now)?.digest;
        self.services.new_requests.admit(address_of(cx, visit.to.subscriber)).map_err(|wait| {
            Reason::RateLimited.retry_after(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1))
        })?;
        let command = Command::Request {
            request_id: request.request_id,
            device,
            box_hash: request.box_hash(),
            digest,
            exp: request.exp,
        };
        let account = self.account_to_show(cx, visit.to.subscriber);
        let server_says = account.clone().map(|account| ServerSays { account });
        let content = Content::Request { frame: pack(&request), account };
        Ok(self.carry_out(cx, visit, command, content, move |room, cx, committed| {
            if committed.decision.change == Some(Change::AddRequest) {
                let state = RequestState::Pending;
                let (created, seq) = (committed.at, committed.seq);
                let item = RequestItem { rid, uid, request, state, created, seq, approvals: 0, server_says };
                room.announce(cx, &MemberUpdate::Request { item, seq });
            }
        }))
    }

    /// The account that is stored and shown with a guest's request. One with characters that people
    /// cannot see could pass for another, and is not shown.
    fn account_to_show(&self, cx: &Context<'_, Self>, who: SubscriberId) -> Option<String> {
        if !self.services.store.shows_accounts() {
            return None;
        }
        account_of(cx, who, self.services.auth.accounts().logins())
            .filter(|account| text::is_printable(account))
    }
}
