"""A process that commits to a SQLite store until it is killed, and says on stdout what was acknowledged.

Arguments: path of the database, number of accounts. Prints 'ready', then one line per acknowledged
batch: the version that every account has reached.
"""

import asyncio
import sys

from diameter_ocs.storage.protocol import AccountWrite, Wanted
from diameter_ocs.storage.sqlite import SqliteStore
from tests.support.stores import account, creation, request_entry, session


def update(account_id: str, version: int) -> AccountWrite:
    seq = version + 1
    state = account(account_id, last_seq=seq, opened=1)
    own = session(f"s;{account_id}", account_id, last_ms=seq)
    return AccountWrite(
        account_id, version, state, sessions=(own,), entries=(request_entry(account_id, seq, "s", seq),)
    )


async def main(path: str, count: int) -> None:
    store = SqliteStore(path)
    await store.open()
    ids = [f"acc-{number}" for number in range(count)]
    held = (await store.load(Wanted(accounts=ids))).accounts
    if not held:
        await store.commit([creation(each) for each in ids])
    version = next(iter(held.values())).version if held else 1
    print("ready", flush=True)
    while True:
        assert await store.commit([update(each, version) for each in ids]) == frozenset()
        version += 1
        print(version, flush=True)
        if version % 20 == 0:
            await store.checkpoint()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
