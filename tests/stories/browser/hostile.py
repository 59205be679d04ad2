"""Results whose every text comes from an image, or a registry, that means harm."""

from __future__ import annotations

from datetime import timedelta

from certify.model.result import (
    Alternative,
    AppliedWaiver,
    Check,
    Image,
    Launch,
    Os,
    Reason,
    Recommendation,
    Result,
    Verdict,
    WaiverNote,
)
from certify.model.terms import Outcome, Status, WaiverState
from tests.factories import NOON, result_of

HARM = (
    "</script><script>window.harmed = 'script'</script>",
    "<img src=x onerror=\"window.harmed = 'img'\">",
    "'\"><svg/onload=window.harmed='svg'>",
    "{{ 7 * 7 }}${window.harmed = 'template'}`",
    "<!-- <script> \u2028window.harmed = 'separator'//",
    "<style>*{display:none}</style><base href=//harm.invalid/><meta http-equiv=refresh content=0>",
)
"""Each would leave ``window.harmed`` behind, load something, or hide the page."""
TURNED = "\u202etset\u202c \u2066left\u2069 \u200bseen"
COLOURED = "\x1b[31mred\x1b[0m \x1b]8;;https://harm.invalid\x07link\x1b]8;;\x07 \x07 \x9b2J"
LONG = "x" * 200_000
ALL = " ".join((*HARM, TURNED, COLOURED))
MANY_LINES = "\n".join(f"line {number} {ALL}" for number in range(300))


def hostile(number: int) -> Result:
    """A rejected image that lies wherever an image can put text, and much of it."""
    base = result_of(number, NOON)
    name = f"registry.example/harm-{number}/{HARM[number % len(HARM)]}{TURNED}{'n' * 400}:1"
    expires = NOON + timedelta(days=90)
    waived = AppliedWaiver(reason=ALL, owner=ALL, expires=expires, ticket=ALL)
    evidence = (LONG, MANY_LINES, ALL)[number % 3]

    def check(check: Check) -> Check:
        texts = {"title": ALL, "message": ALL + LONG, "evidence": evidence, "remedy": ALL}
        return check.model_copy(update={"outcome": Outcome.FAILED, **texts})

    said = tuple(map(check, base.checks[:3]))
    said += (said[0].model_copy(update={"id": f"own.{HARM[0]}", "group": "own", "waiver": waived}),)
    other = Alternative(
        reference=name, digest=ALL, image_id=ALL, os=None, grade=None, certified_at=NOON
    )
    return base.model_copy(
        update={
            "image": Image(
                reference=name,
                digest=base.image.digest,
                image_id=base.image.image_id,
                platform=f"linux/{HARM[0]}",
                created=ALL,
                package_manager=ALL,
                os=Os(id=HARM[2], version_id=ALL, pretty_name=COLOURED + ALL + LONG),
            ),
            "verdict": Verdict(
                status=Status.REJECTED,
                reasons=(Reason(check=said[0].id, text=ALL + LONG, remedy=ALL, evidence=LONG),),
            ),
            "checks": said,
            "waivers": (
                WaiverNote(
                    check=said[0].id, image=ALL, state=WaiverState.EXPIRED, **waived.model_dump()
                ),
            ),
            "launch": Launch(kind="init", isolation="caps", command=(ALL,), reproduce=ALL + LONG),
            "log": "\n".join((ALL, LONG, MANY_LINES)),
            "recommendation": Recommendation(closest=(other,), extends=other),
        }
    )
