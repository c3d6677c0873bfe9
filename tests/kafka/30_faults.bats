# The broker away for a while, or killed, under a job that reads and writes it.  These tests have a broker of their own.
load common
load setup_suite

setup() {
	begin_jobs
	in=in out=out LIMIT=120
	unset KAFKA_USER
	KAFKA=$("$BROKER" start "$PWD/broker" 0 3>&-)
	KAFKA=${KAFKA##*=}
	IN=kafka://$KAFKA/$in OUT=kafka://$KAFKA/$out
}

teardown() {
	end_test
	"$BROKER" kill "$PWD/broker"
}

back() {
	"$BROKER" restart "$PWD/broker" 3>&- >/dev/null
}

@test "the broker is killed and comes back, twice: from topic to topic every record once, in order" {
	numbered 20000 4
	oracle topic "$out" 4
	followed 20000
	ok "fcoord run -d --name j --every 100ms --restart fixed:100,500ms \
		'fsource --rate 2000/s --until end $IN | fmap --where \".i > 0\" | fsink $OUT --partition .p'"
	progress
	"$BROKER" kill "$PWD/broker"
	back
	progress
	"$BROKER" kill "$PWD/broker"
	back
	ok "fcoord wait j --for done"
	judged
	exact 20000
}

@test "the broker is stopped in order and comes back: the job goes on" {
	numbered 8000 4
	oracle topic "$out" 4
	ok "fcoord run -d --name j --every 100ms --restart fixed:100,500ms \
		'fsource --rate 1000/s --until end $IN | fmap --where \".i > 0\" | fsink $OUT --partition .p'"
	progress
	"$BROKER" stop "$PWD/broker"
	back
	ok "fcoord wait j --for done"
	exact 8000
}
