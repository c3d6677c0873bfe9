# tools -- what the tests of Kafka need beside the broker, got once and kept in the cache.
# shellcheck shell=bash

CONFLUENT_KAFKA=2.16.1

# kafka_python: print the Python that has confluent_kafka; makes it when it is not there (status 1: it cannot).
kafka_python() {
	local venv=${XDG_CACHE_HOME:-$HOME/.cache}/fjord-kafka/confluent-kafka-$CONFLUENT_KAFKA
	if [ ! -e "$venv/ok" ]; then
		mkdir -p "$venv"
		(
			flock 9
			[ ! -e "$venv/ok" ] || exit 0
			python3 -m venv "$venv" &&
				"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
					"confluent-kafka==$CONFLUENT_KAFKA" && : >"$venv/ok"
		) 9>"$venv/lock" >"$venv/log" 2>&1 || {
			tail -5 "$venv/log" >&2
			return 1
		}
	fi
	echo "$venv/bin/python"
}

# newer_librdkafka DIR: put the librdkafka that confluent_kafka brings there under the name that ours is linked with;
# LD_LIBRARY_PATH=DIR then runs our programs, and kcat, with it.
newer_librdkafka() {
	local python lib
	python=$(kafka_python) || return
	mkdir -p "$1"
	for lib in "${python%/bin/python}"/lib/python3*/site-packages/confluent_kafka.libs/librdkafka-*.so.1; do
		cp "$lib" "$1/librdkafka.so.1"
	done
}
