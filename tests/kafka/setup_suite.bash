# setup_suite -- one broker for all tests of a run; KAFKA_VERSION says which (scripts/kafka-broker), KAFKA_DIR where.
# shellcheck shell=bash

BROKER=$BATS_TEST_DIRNAME/../../scripts/kafka-broker

# Who may do nothing but what a test allows; see $KAFKA_SASL.
export KAFKA_USER=fjord:open-sesame

setup_suite() {
	local line word
	# shellcheck source=tests/kafka/tools.bash
	. "$BATS_TEST_DIRNAME/tools.bash"
	export KAFKA_DIR=${KAFKA_DIR:-$BATS_RUN_TMPDIR/broker} KAFKA KAFKA_SASL KAFKA_PYTHON
	KAFKA_PYTHON=$(kafka_python)
	[ "${KAFKA_VERSION:-}" != kfake ] || unset KAFKA_USER
	line=$("$BROKER" start "$KAFKA_DIR" 0 3>&- 4>&-)
	for word in $line; do
		case $word in
		bootstrap=*) KAFKA=${word#*=} ;;
		sasl=*) KAFKA_SASL=${word#*=} ;;
		esac
	done
}

teardown_suite() {
	"$BROKER" kill "$KAFKA_DIR"
}
