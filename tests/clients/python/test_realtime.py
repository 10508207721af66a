"""realtime 2.34.1, Supabase's client: V1, topics `realtime:…`, a heartbeat with a null ref."""

import asyncio
import unittest

from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from playground import ENDINGS, Playground
from waiting import until


class Person:
    """A user in the garden."""

    def __init__(self, playground, name):
        self.client = AsyncRealtimeClient(
            f"{playground.url}/socket", "unused", max_retries=100, initial_backoff=0.02
        )
        config = {"broadcast": {"ack": True, "self": False}, "presence": {"key": name, "enabled": True}}
        self.channel = self.client.channel("garden", {"config": config})
        self.received = []
        self.states = []
        self.channel.on_broadcast("hello", self.received.append)

    async def subscribe(self):
        await self.channel.subscribe(lambda state, _: self.states.append(state))

    @property
    def subscriptions(self):
        return self.states.count(RealtimeSubscribeStates.SUBSCRIBED)

    @property
    def present(self):
        return {key: [meta.get("mood") for meta in metas] for key, metas in self.channel.presence_state().items()}


class Realtime(unittest.IsolatedAsyncioTestCase):
    async def test_realtime_2_34_1(self):
        with Playground() as playground:
            alice, bob = Person(playground, "alice"), Person(playground, "bob")
            for person in (alice, bob):
                await person.subscribe()
                self.assertEqual(person.states, [RealtimeSubscribeStates.SUBSCRIBED])

            await bob.channel.send_broadcast("hello", {"from": "Bob"})
            await until("Alice receives Bob's broadcast", lambda: alice.received)
            self.assertEqual(alice.received.pop()["payload"], {"from": "Bob"})
            self.assertEqual(bob.received, [], "the sender does not receive its own broadcast by default")

            await alice.channel.track({"mood": "fine"})
            await bob.channel.track({"mood": "glad"})
            await until("Alice sees both", lambda: alice.present == {"alice": ["fine"], "bob": ["glad"]})
            await bob.channel.untrack()
            await until("Alice sees Bob leave", lambda: alice.present == {"alice": ["fine"]})

            for ending in ENDINGS:
                before = alice.subscriptions
                await asyncio.to_thread(playground.restart, ending)
                await until(f"Alice is back after {ending.name}", lambda: alice.subscriptions > before)
                news = {"type": "broadcast", "event": "hello", "payload": {"after": ending.name}}
                playground.broadcast("realtime:garden", "broadcast", news)
                await until("Alice receives the news", lambda: alice.received)
                self.assertEqual(alice.received.pop()["payload"], {"after": ending.name})

            await alice.channel.unsubscribe()
            await until("Alice has left", lambda: alice.states[-1] == RealtimeSubscribeStates.CLOSED)
            for person in (alice, bob):
                await person.client.close()


if __name__ == "__main__":
    unittest.main()
