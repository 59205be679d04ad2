# What a Dockerfile is built from must be approved, and named by its digest: every image of a
# FROM, a COPY --from and a RUN --mount=from that is not an earlier stage of the same file.
#
#   conftest test --policy policies/conftest --data policies/conftest/data.json Dockerfile
#
# Not seen here: the flags of an ONBUILD, which Conftest leaves out; a frontend that a comment
# "# syntax=" names; and names that `docker build --build-context` gives another meaning.
package main

import rego.v1

froms := [each | some each in input; lower(each.Cmd) == "from"]

deny contains "there is no FROM: give one Dockerfile at a time, without --combine" if count(froms) == 0

deny contains message if {
	some [instruction, stage, image] in sources
	not is_stage(image, stage)
	not is_approved(image)
	message := sprintf("%s %s: %s", [instruction, image, reason(image)])
}

sources contains ["FROM", from.Stage, from.Value[0]] if some from in froms

sources contains ["COPY --from", copy.Stage, image] if {
	some copy in input
	lower(copy.Cmd) == "copy"
	some flag in copy.Flags
	startswith(flag, "--from=")
	image := trim_prefix(flag, "--from=")
	not is_number(image, copy.Stage)
}

# A field may be in quotes, and its key in capitals.
sources contains ["RUN --mount=from", run.Stage, image] if {
	some run in input
	lower(run.Cmd) == "run"
	some flag in run.Flags
	startswith(flag, "--mount=")
	some field in split(trim_prefix(flag, "--mount="), ",")
	plain := trim(field, "\" ")
	startswith(lower(plain), "from=")
	image := substring(plain, 5, -1)
}

# FROM image AS name: what comes later may go on from there.
is_stage(image, stage) if {
	some from in froms
	from.Stage < stage
	lower(from.Value[1]) == "as"
	lower(from.Value[2]) == lower(image)
}

# COPY knows them by number too.
is_number(image, stage) if {
	regex.match(`^[0-9]+$`, image)
	to_number(image) < stage
}

is_approved(image) if {
	[_, digest] := split(image, "@")
	data.certify.approved[digest]
}

reason(image) := "is not on the approved-images list" if {
	contains(image, "@")
} else := "is a variable, so that nobody can tell whether it is approved" if {
	contains(image, "$")
} else := "is no image that anybody has certified" if {
	lower(image) == "scratch"
} else := "is not named by a digest, as approved images are"
