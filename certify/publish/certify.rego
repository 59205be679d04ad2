# Each FROM of a Dockerfile must name an approved image by its digest.
# conftest test --policy policies/conftest --data policies/conftest/data.json Dockerfile
package main

import rego.v1

instructions := [each | some each in input; lower(each.Cmd) == "from"]

# FROM image AS name: a later FROM may go on from there.
named contains [number, lower(from.Value[2])] if {
	some number, from in instructions
	count(from.Value) == 3
	lower(from.Value[1]) == "as"
}

is_stage(number, image) if {
	some [earlier, name] in named
	earlier < number
	name == lower(image)
}

is_approved(image) if {
	parts := split(image, "@")
	count(parts) == 2
	data.certify.approved[parts[1]]
}

deny contains message if {
	some number, from in instructions
	image := from.Value[0]
	not is_stage(number, image)
	not is_approved(image)
	message := sprintf("FROM %s: %s", [image, reason(image)])
}

reason(image) := "names its base by a variable, so that nobody can tell whether it is approved" if {
	contains(image, "$")
} else := "scratch is no base image that anybody has certified" if {
	lower(image) == "scratch"
} else := "is not named by a digest; approved images are" if {
	not contains(image, "@")
} else := "is not on the approved-images list"
