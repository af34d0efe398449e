"""python-diameter's own Node and threading application: answers every CCR with the same grants, stores nothing."""

import logging
import signal
import sys
import threading

from diameter.message import Message
from diameter.message.avp import Avp
from diameter.message.commands.credit_control import CreditControlAnswer
from diameter.message.constants import (
    APP_DIAMETER_CREDIT_CONTROL_APPLICATION,
    AVP_CC_TOTAL_OCTETS,
    AVP_GRANTED_SERVICE_UNIT,
    AVP_MULTIPLE_SERVICES_CREDIT_CONTROL,
    AVP_RATING_GROUP,
    AVP_RESULT_CODE,
    AVP_VALIDITY_TIME,
)
from diameter.node import Node
from diameter.node.application import Application, SimpleThreadingApplication

from scripts.bench.messages import GROUPS, OCS_HOST, OCS_REALM, ORIGIN


def answer(application: Application, request: Message) -> Message:
    """A CCA with a grant for each of the two groups."""
    made = request.to_answer()
    assert isinstance(made, CreditControlAnswer)
    made.session_id = request.session_id
    made.origin_host = OCS_HOST.encode()
    made.origin_realm = OCS_REALM.encode()
    made.cc_request_type = request.cc_request_type
    made.cc_request_number = request.cc_request_number
    made.result_code = 2001
    for group in GROUPS:
        units = Avp.new(AVP_GRANTED_SERVICE_UNIT, value=[Avp.new(AVP_CC_TOTAL_OCTETS, value=10_000_000)])
        members = [
            units,
            Avp.new(AVP_RATING_GROUP, value=group),
            Avp.new(AVP_VALIDITY_TIME, value=3600),
            Avp.new(AVP_RESULT_CODE, value=2001),
        ]
        made.append_avp(Avp.new(AVP_MULTIPLE_SERVICES_CREDIT_CONTROL, value=members))
    return made


def main() -> None:
    logging.disable(logging.CRITICAL)
    node = Node(OCS_HOST, OCS_REALM, ip_addresses=["127.0.0.1"], tcp_port=int(sys.argv[1]), vendor_ids=[10415])
    peer = node.add_peer(f"aaa://{ORIGIN.host}", ORIGIN.realm)
    application = SimpleThreadingApplication(
        APP_DIAMETER_CREDIT_CONTROL_APPLICATION, is_auth_application=True, request_handler=answer
    )
    node.add_application(application, [peer])
    node.start()
    stopped = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: stopped.set())
    stopped.wait()
    node.stop(wait_timeout=2)


if __name__ == "__main__":
    main()
