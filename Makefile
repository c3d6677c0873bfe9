# Fjord: exactly-once stream processing out of Unix filters.
#
#	make            build bin/
#	make check      everything that is tested by default (SAN=1: with ASan and UBSan)
#	make check-crash  check-chaos  check-kafka  check-model   the heavier campaigns
#	make demo-kafka  a job from topic to topic on a real Kafka, killed in the middle
#	make demo       real flights, real weather, planted frauds
#	make bench      figures, beside what one would otherwise use (bench-nexmark, bench-kafka)
#	make install    PREFIX=/usr/local

PREFIX ?= /usr/local
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc)
endif
ifeq ($(origin CC),default)
CC = gcc
endif
OPT = -O3 -g
WARN = -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
FJORD_CFLAGS = -std=c17 -D_GNU_SOURCE $(OPT) $(WARN) -Ilib $(CFLAGS)
LIBS = -Wl,--as-needed -llmdb -ljansson -lpthread -lm -ldl
BUILD = build/obj
BIN = bin

ifdef SAN
BUILD = build/san
BIN = build/san/bin
OPT = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
ifdef FAULTS
BUILD = build/faults
BIN = build/faults/bin
OPT = -O1 -g -DFIO_TEST
endif

CMDS = $(notdir $(wildcard cmd/f*))
LIB_OBJ = $(patsubst %.c,$(BUILD)/%.o,$(wildcard lib/*/*.c))
UNIT = $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
TOOLS = $(patsubst tests/tools/%.c,$(BUILD)/tools/%,$(wildcard tests/tools/*.c))
FUZZ = $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
MICRO = $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(wildcard tests/bench/*.c))

all: deps-build
	@$(MAKE) --no-print-directory binaries

binaries: $(CMDS:%=$(BIN)/%)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo '  CC $<'
	@$(CC) $(FJORD_CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/liball.a: $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^

.SECONDEXPANSION:
$(CMDS:%=$(BIN)/%): $(BIN)/%: $$(patsubst %.c,$(BUILD)/%.o,$$(wildcard cmd/%/*.c)) $(BUILD)/liball.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	@$(CC) $(FJORD_CFLAGS) $^ -o $@ $(LIBS)

$(BUILD)/unit/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(BUILD)/liball.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	@$(CC) $(FJORD_CFLAGS) -Itests/unit $< $(BUILD)/liball.a -o $@ $(LIBS)

$(BUILD)/tools/%: tests/tools/%.c $(BUILD)/liball.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	@$(CC) $(FJORD_CFLAGS) $< $(BUILD)/liball.a -o $@ $(LIBS)

$(BUILD)/bench/%: tests/bench/%.c $(BUILD)/liball.a
	@mkdir -p $(@D)
	@echo '  LD $@'
	@$(CC) $(FJORD_CFLAGS) $< $(BUILD)/liball.a -o $@ $(LIBS)

FUZZ_FLAGS = -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
fuzz-lib:
	@$(MAKE) --no-print-directory CC=clang OPT='-O1 -g $(FUZZ_FLAGS)' BUILD=build/fuzz build/fuzz/liball.a

build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c fuzz-lib
	@echo '  FUZZ $@'
	@clang -std=c17 -D_GNU_SOURCE -O1 -g -Ilib $(FUZZ_FLAGS) -fsanitize=fuzzer $< build/fuzz/liball.a -o $@ $(LIBS)

tools: $(TOOLS)
micro: $(MICRO)
fuzz: $(FUZZ)

# Headers and libraries that the build needs; a no-op once they are there.
deps-build:
	@scripts/deps build

check: deps-build
	@scripts/deps test
	@$(MAKE) --no-print-directory binaries tools $(UNIT)
	@BIN=$(BIN) BUILD=$(BUILD) scripts/check

check-fuzz: deps-build
	@scripts/deps test
	@$(MAKE) --no-print-directory fuzz
	@scripts/check-fuzz $(FUZZ_SECONDS)

check-crash check-chaos: deps-build
	@scripts/deps test
	@scripts/$@

# FULL=1: on two versions of Kafka and of librdkafka, with the campaign of kills.
check-kafka: deps-build
	@scripts/deps kafka
	@$(MAKE) --no-print-directory binaries
	@FJORD_BIN=$(BIN) scripts/check-kafka

check-model:
	@scripts/deps test
	@scripts/check-model

demo: all
	@examples/demo

demo-kafka: all
	@scripts/deps kafka
	@examples/kafka/run

bench: all
	@scripts/deps bench
	@$(MAKE) --no-print-directory micro
	@BIN=$(BIN) BUILD=$(BUILD) tests/bench/bench

bench-nexmark: all
	@scripts/deps bench
	@$(MAKE) --no-print-directory micro
	@BIN=$(BIN) BUILD=$(BUILD) tests/bench/bench-nexmark

bench-kafka: all
	@scripts/deps bench
	@$(MAKE) --no-print-directory micro
	@BIN=$(BIN) BUILD=$(BUILD) tests/bench/bench-kafka

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install $(CMDS:%=$(BIN)/%) $(DESTDIR)$(PREFIX)/bin
	for s in 1 5 7; do install -m 644 man/*.$$s $(DESTDIR)$(PREFIX)/share/man/man$$s; done
	scripts/completion $(BIN) >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/fjord
	for c in $(CMDS); do ln -sf fjord $(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$c; done

format:
	clang-format -i lib/*/*.[ch] cmd/*/*.[ch] tests/*/*.[ch]

clean:
	rm -rf build bin

.PHONY: all binaries tools micro fuzz deps-build check check-fuzz check-crash check-chaos check-kafka check-model demo demo-kafka bench bench-nexmark bench-kafka fuzz-lib install format clean
-include $(LIB_OBJ:.o=.d) $(patsubst %.c,$(BUILD)/%.d,$(wildcard cmd/*/*.c))
