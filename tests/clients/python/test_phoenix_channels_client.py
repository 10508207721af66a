"""
phoenix-channels-python-client 0.4.1: V1 and V2. It only listens: it sends nothing but joins and leaves.
On V2 it drops frames without a join_ref, such as broadcasts; pushes to one subscriber have it.
"""

import asyncio
import unittest

from phoenix_channels_python_client import PHXChannelsClient, PhoenixChannelsProtocolVersion
from phoenix_channels_python_client.client_types import ReconnectPolicy

from playground import ENDINGS, Playground
from waiting import until

# Its defaults delay a client that is disconnected twice within a minute, which these tests do.
QUICK = ReconnectPolicy(
    base_delay_s=0.02,
    service_restart_min_delay_s=0,
    service_restart_max_delay_s=0.02,
    rapid_first_min_delay_s=0,
    rapid_second_min_delay_s=0,
    rapid_cooldown_base_s=0,
    rapid_cooldown_max_s=0,
)


class PhoenixChannelsClient(unittest.IsolatedAsyncioTestCase):
    async def test_phoenix_channels_python_client_0_4_1_v1(self):
        await self.visit(PhoenixChannelsProtocolVersion.V1, hears_broadcasts=True)

    async def test_phoenix_channels_python_client_0_4_1_v2(self):
        await self.visit(PhoenixChannelsProtocolVersion.V2, hears_broadcasts=False)

    async def visit(self, version, hears_broadcasts):
        acks, reconnects, received, states = [], [], [], []

        async def on_reconnect():
            reconnects.append(True)

        async def on_message(message):
            received.append((str(message.event), message.payload))

        async def on_state(state):
            states.append(state)

        with Playground() as playground:
            async with PHXChannelsClient(
                playground.websocket_url,
                "unused",
                protocol_version=version,
                reconnect_policy=QUICK,
                heartbeat_interval_s=0.2,
                on_heartbeat_ack=lambda: acks.append(True),
                on_reconnect=on_reconnect,
            ) as client:
                await client.subscribe_to_topic("room:1", on_message)
                self.assertTrue(client.is_topic_joined("room:1"))
                await self.hear_news(playground, received, hears_broadcasts, "at first")
                # Every join triggers a push of the presences, which shows that the join succeeded.
                await client.subscribe_to_topic("presence:1", on_message)
                client.add_event_handler("presence:1", "presence_state", on_state)
                await until("heartbeats are answered", lambda: len(acks) > 1)

                for ending in ENDINGS:
                    seen, back = len(states), len(reconnects)
                    await asyncio.to_thread(playground.restart, ending)
                    await until(f"the client is back after {ending.name}", lambda: len(reconnects) > back)
                    await until("it joined again", lambda: client.is_topic_joined("room:1"))
                    await until("it sees itself", lambda: len(states) > seen and states[-1])
                    await self.hear_news(playground, received, hears_broadcasts, ending.name)

                await client.unsubscribe_from_topic("room:1")
                self.assertFalse(client.is_topic_joined("room:1"))

    async def hear_news(self, playground, received, hears_broadcasts, what):
        playground.broadcast("room:1", "news", {"what": what})
        if hears_broadcasts:
            await until(f"news {what}", lambda: ("news", {"what": what}) in received)


if __name__ == "__main__":
    unittest.main()
