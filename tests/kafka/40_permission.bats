# What a user may not do: status 6 at the start, and nothing is written.  Needs an Apache Kafka (kfake has no users here).
load common

# sasl [PASSWORD]: words that make one the user who may do nothing but what a test allows.
sasl() {
	echo "-X security.protocol=sasl_plaintext -X sasl.mechanism=PLAIN -X sasl.username=${KAFKA_USER%%:*}" \
		"-X sasl.password=${1:-file:$PWD/word}"
}

setup() {
	begin_test
	echo "${KAFKA_USER#*:}" >word
}

# refused [WORD]: the messages say why, and no secret.
refused() {
	says "authori|permission|access" "$@"
	lacks err "${KAFKA_USER#*:}"
}

nothing() {
	published
	[ ! -s got ]
}

@test "fsource: no permission is status 6, naming the topic and not the password; with it, it reads" {
	numbered 10 1
	fails 6 "fsource $(sasl) --until end kafka://$KAFKA_SASL/$in | fsink -"
	refused "$in"
	oracle allow fjord topic "$in" read describe
	ok "fsource $(sasl) --until end kafka://$KAFKA_SASL/$in | fsink -"
	wanted
}

@test "a wrong password is status 6, and is not shown" {
	numbered 10 1
	echo "${KAFKA_USER#*:}x" >word
	fails 6 "fsource $(sasl) --until end kafka://$KAFKA_SASL/$in | fsink -"
	says "authenti"
	lacks err "${KAFKA_USER#*:}"
}

@test "a password comes from a file or a variable; one in an argument is refused, and not shown" {
	numbered 10 1
	export WORD=${KAFKA_USER#*:}
	oracle allow fjord topic "$in" read describe
	ok "fsource $(sasl env:WORD) --until end kafka://$KAFKA_SASL/$in | fsink -"
	wanted
	fails 2 "fsource $(sasl "$WORD") --until end kafka://$KAFKA_SASL/$in | fsink -"
	says "sasl.password" "file:"
	lacks err "$WORD"
}

@test "fsink: no permission for the topic is status 6, in a shell and under fcoord" {
	oracle numbers 10 1 >in.ndjson
	oracle topic "$out" 1
	fails 6 "fsource in.ndjson | fsink $(sasl) kafka://$KAFKA_SASL/$out"
	refused "$out"
	fails 6 "fcoord run -q --name j --restart none 'fsource in.ndjson | fsink $(sasl) kafka://$KAFKA_SASL/$out'"
	refused "$out"
	nothing
}

@test "fsink: no permission for transactions is found at the start, before a record is written" {
	oracle numbers 10 1 >in.ndjson
	oracle topic "$out" 1
	oracle allow fjord topic "$out" write describe
	fails 6 "fcoord run -q --name j --restart none 'fsource in.ndjson | fsink $(sasl) kafka://$KAFKA_SASL/$out'"
	refused
	nothing
}
