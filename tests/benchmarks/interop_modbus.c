/* A controller made with libmodbus: one FC16 of 32 words and one FC04 of 44 in each cycle of 5 ms.
 *
 * interop_modbus PORT UNIT SEQ    SEQ: of its last trigger, as a controller remembers it
 * stdin:  "t SEQ"  trigger a part;  "r"  cut the connection with RST and end
 * stdout: "connect NS", "triggered NS SEQ" once the write was confirmed, "read NS W0 … W43" for each block that differs
 * in more than its heartbeat. NS is CLOCK_MONOTONIC, as Python reads it. A result is acknowledged as soon as it is read.
 */
#include <modbus/modbus.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ENABLE = 1, TRIGGER = 2, ACK = 4, VALID = 64, CYCLE_MS = 5, IN = 44, OUT = 32 };

static long long now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void reset(modbus_t *link) {
    struct linger at_once = {1, 0};
    setsockopt(modbus_get_socket(link), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    modbus_close(link);
}

static void tell(const uint16_t *words) {
    printf("read %lld", now_ns());
    for (int i = 0; i < IN; i++) printf(" %x", words[i]);
    printf("\n");
}

static int differs(const uint16_t *a, const uint16_t *b) {
    for (int i = 0; i < 42; i++)
        if (i != 2 && a[i] != b[i]) return 1;
    return 0;
}

static void ask(uint16_t *words, int cmd, uint16_t heartbeat, uint32_t seq) {
    char part[17] = {0};
    snprintf(part, sizeof part, "P%u", seq);
    memset(words, 0, 2 * OUT);
    words[0] = cmd, words[1] = heartbeat, words[2] = seq >> 16, words[3] = seq & 0xFFFF;
    for (int i = 0; i < 8; i++) words[4 + i] = (uint8_t)part[2 * i] << 8 | (uint8_t)part[2 * i + 1];
}

int main(int count, char **given) {
    if (count != 4) return 2;
    uint32_t seq = strtoul(given[3], NULL, 10);
    uint16_t out[OUT], in[IN], last[IN] = {0};
    uint16_t heartbeat = now_ns() / 1000000;
    int cmd = ENABLE;
    modbus_t *link = modbus_new_tcp("127.0.0.1", atoi(given[1]));
    modbus_set_slave(link, atoi(given[2]));
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("connect %lld\n", now_ns());
    if (modbus_connect(link)) return 1;
    for (;;) {
        ask(out, cmd, ++heartbeat, seq);
        if (modbus_write_registers(link, 0, OUT, out) != OUT) return 1;
        if (cmd & TRIGGER) printf("triggered %lld %u\n", now_ns(), seq);
        if (modbus_read_input_registers(link, 0, IN, in) != IN) return 1;
        if (differs(in, last)) tell(in);
        memcpy(last, in, sizeof in);
        int answered = (in[1] & VALID) && ((uint32_t)in[4] << 16 | in[5]) == seq;
        cmd = answered ? ENABLE | ACK : ENABLE;
        struct pollfd standard = {0, POLLIN, 0};
        char line[32];
        if (poll(&standard, 1, CYCLE_MS) <= 0) continue;
        ssize_t size = read(0, line, sizeof line - 1);
        if (size <= 0 || line[0] == 'r') {
            reset(link);
            return 0;
        }
        line[size] = 0;
        seq = strtoul(line + 1, NULL, 10);
        cmd = ENABLE | TRIGGER;
    }
}
