//! A guest's request for the room key.

use vestibule_approve::{
    frames::Request,
    items::RequestItem,
    refusal::{Reason, Refusal},
    rules::{Change, Command, RequestState},
};
use vestibule_channels::{Context, Handled};
use vestibule_store::{Content, pack};

use super::state::{KeyRoom, Visit};
use crate::approve::{identity::address_of, notifications::MemberUpdate};

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
        let content = Content::Frame(pack(&request));
        Ok(self.carry_out(cx, visit, command, content, move |room, cx, committed| {
            if committed.decision.change == Some(Change::AddRequest) {
                let state = RequestState::Pending;
                let (created, seq) = (committed.at, committed.seq);
                let item = RequestItem { rid, uid, request, state, created, seq, approvals: 0 };
                room.announce(cx, &MemberUpdate::Request { item, seq });
            }
        }))
    }
}
