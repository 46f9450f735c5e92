/* A room full of members: one process, many sockets, every message looked at.
 *
 *   members PORT PATH KIND MEMBERS [COOKIES ORIGIN ROOM]
 *
 * KIND says what a server speaks: `plain` (what one sends all get), `socketio`, or `shiproom` (hello, welcome, numbered
 * events; COOKIES is a file with one Cookie header per member). A message holds `~number:nanoseconds~`, by which it is known
 * again and timed, and letters to make it as long as people write.
 *
 * `in MEMBERS` says that all are there. Then each line of the input, like `rate-60 5 1.5`, is a scenario, the seconds to measure
 * and those to warm up before: `start NAME` and `end NAME` are printed around the measured seconds, and then one line of JSON.
 * After one that left messages undelivered the next would measure those. Between two the members go on listening.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { TEXT = 120, OPENING_AT_ONCE = 50, SATURATED = 32, LINES = 10, MOST_MESSAGES = 1 << 20, MOST_MS = 30000 };
/* A person sends at most 10 lines in 5 s; a little more time, because clocks differ. */
static const double WINDOW_S = 5.05;
static const double CONNECT_S = 240, SETTLE_S = 1.5, DRAIN_S = 4;

enum state { CONNECTING, SHAKING_HANDS, GREETING, IN, GONE };

struct member {
  int fd;
  enum state state;
  unsigned char *data;
  size_t used, size;
  double sent[LINES]; /* when the last lines were sent, as a ring */
  int next_sent;
};

static struct member *members;
static int count, in, gone, poller;
static const char *kind, *path, *origin = "", *room = "0";
static char **cookies;
static int port;

static uint16_t *arrived; /* by number of the message: how many members have it */
static long sent_count, done_count;
static uint64_t deliveries, copies, others, refused;
static uint32_t *times; /* deliveries by tenths of a millisecond */
static int is_measuring;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double cpu_s(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static int is(const char *name) { return strcmp(kind, name) == 0; }

/* --- one member ------------------------------------------------------------------------------------------------- */

static void lose(struct member *m, const char *why) {
  if (m->state == GONE) return;
  if (m->state == IN) in--;
  if (gone++ < 3) fprintf(stderr, "a member is gone: %s\n", why);
  epoll_ctl(poller, EPOLL_CTL_DEL, m->fd, NULL);
  close(m->fd);
  m->state = GONE;
}

static void write_all(struct member *m, const void *data, size_t size) {
  const char *at = data;
  while (size) {
    ssize_t wrote = send(m->fd, at, size, MSG_NOSIGNAL);
    if (wrote < 0 && errno == EAGAIN) {
      usleep(100);
    } else if (wrote < 0) {
      lose(m, strerror(errno));
      return;
    } else {
      at += wrote;
      size -= (size_t)wrote;
    }
  }
}

/* A client's frame is masked; the mask may be zero (RFC 6455, section 5.3). */
static void write_frame(struct member *m, int opcode, const char *payload, size_t size) {
  unsigned char frame[4096];
  size_t head = 2;
  if (size > sizeof frame - 8) abort();
  frame[0] = (unsigned char)(0x80 | opcode);
  if (size < 126) {
    frame[1] = (unsigned char)(0x80 | size);
  } else {
    frame[1] = 0x80 | 126;
    frame[2] = (unsigned char)(size >> 8);
    frame[3] = (unsigned char)size;
    head = 4;
  }
  memset(frame + head, 0, 4);
  memcpy(frame + head + 4, payload, size);
  write_all(m, frame, head + 4 + size);
}

static void say(struct member *m, const char *format, ...) {
  char text[2048];
  va_list args;
  va_start(args, format);
  int size = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  write_frame(m, 1, text, (size_t)size);
}

static void enter(struct member *m) {
  m->state = IN;
  in++;
}

static void greet(struct member *m) {
  m->state = GREETING;
  if (is("plain")) enter(m);
  if (is("shiproom")) say(m, "{\"t\":\"hello\",\"v\":1,\"client\":\"bench\",\"resume\":[],\"want\":[\"room:%s\"]}", room);
}

static uint64_t number_at(const char **at, const char *end) {
  uint64_t value = 0;
  while (*at < end && **at >= '0' && **at <= '9') value = value * 10 + (uint64_t)(*(*at)++ - '0');
  return value;
}

static void take_text(struct member *m, const char *text, size_t size, uint64_t arrived_ns) {
  const char *end = text + size;
  const char *mark = memchr(text, '~', size);
  if (mark) {
    mark++;
    uint64_t number = number_at(&mark, end);
    mark++;
    uint64_t began_ns = number_at(&mark, end);
    if (number >= MOST_MESSAGES) return;
    if (arrived[number] >= in) {
      copies++;
      return;
    }
    if (++arrived[number] == in) done_count++;
    deliveries++;
    if (is_measuring) {
      uint64_t tenths = (arrived_ns - began_ns) / 100000;
      times[tenths < MOST_MS * 10 ? tenths : MOST_MS * 10 - 1]++;
    }
    return;
  }
  others++;
  if (is("shiproom") && memmem(text, size, "\"err\"", 5) && refused++ < 3) fprintf(stderr, "refused: %.*s\n", (int)size, text);
  if (m->state == GREETING && is("shiproom") && memmem(text, size, "\"welcome\"", 9)) enter(m);
  if (!is("socketio")) return;
  if (text[0] == '0') say(m, "40");
  else if (text[0] == '2' && size == 1) say(m, "3");
  else if (m->state == GREETING && size > 1 && text[0] == '4' && text[1] == '0') enter(m);
}

/* Take all whole frames; returns how many bytes that were. */
static size_t take_frames(struct member *m) {
  uint64_t at_ns = now_ns();
  size_t done = 0;
  while (m->state != GONE && m->used - done >= 2) {
    unsigned char *frame = m->data + done;
    size_t left = m->used - done, head = 2, size = frame[1] & 127;
    if (size == 126) {
      if (left < 4) break;
      size = (size_t)frame[2] << 8 | frame[3];
      head = 4;
    } else if (size == 127) {
      if (left < 10) break;
      size = 0;
      for (int i = 2; i < 10; i++) size = size << 8 | frame[i];
      head = 10;
    }
    if (left < head + size) break;
    char *payload = (char *)frame + head;
    int opcode = frame[0] & 15;
    if (opcode == 1 || opcode == 2) take_text(m, payload, size, at_ns);
    else if (opcode == 9) write_frame(m, 10, payload, size);
    else if (opcode == 8) lose(m, "the server closed");
    done += head + size;
  }
  return done;
}

static void take(struct member *m) {
  if (m->size - m->used < 8192) {
    m->size = m->size ? m->size * 2 : 32768;
    m->data = realloc(m->data, m->size);
    if (!m->data) abort();
  }
  ssize_t got = recv(m->fd, m->data + m->used, m->size - m->used, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    lose(m, got ? strerror(errno) : "end of file");
    return;
  }
  m->used += (size_t)got;
  size_t done = 0;
  if (m->state == SHAKING_HANDS) {
    char *end = memmem(m->data, m->used, "\r\n\r\n", 4);
    if (!end) return;
    if (strncmp((char *)m->data, "HTTP/1.1 101", 12)) {
      lose(m, "no handshake");
      return;
    }
    size_t head = (size_t)(end + 4 - (char *)m->data);
    memmove(m->data, m->data + head, m->used - head);
    m->used -= head;
    greet(m);
  }
  done = take_frames(m);
  if (m->state != GONE && done) {
    memmove(m->data, m->data + done, m->used - done);
    m->used -= done;
  }
}

static void shake_hands(struct member *m) {
  char request[2048];
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(m->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error) {
    lose(m, strerror(error));
    return;
  }
  int length = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s%s%s%s%s%s\r\n",
                        path, port, *origin ? "Origin: " : "", origin, *origin ? "\r\n" : "", cookies ? "Cookie: " : "",
                        cookies ? cookies[m - members] : "", cookies ? "\r\n" : "");
  m->state = SHAKING_HANDS;
  struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = m};
  epoll_ctl(poller, EPOLL_CTL_MOD, m->fd, &wanted);
  write_all(m, request, (size_t)length);
}

static void start(struct member *m) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int on = 1;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  m->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (m->fd < 0) {
    perror("socket");
    exit(2);
  }
  setsockopt(m->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  connect(m->fd, (struct sockaddr *)&to, sizeof to);
  struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = m};
  epoll_ctl(poller, EPOLL_CTL_ADD, m->fd, &wanted);
}

/* --- all of them ------------------------------------------------------------------------------------------------ */

static void look(int wait_ms) {
  struct epoll_event found[256];
  int ready = epoll_wait(poller, found, 256, wait_ms);
  for (int i = 0; i < ready; i++) {
    struct member *m = found[i].data.ptr;
    if (m->state == CONNECTING) shake_hands(m);
    else if (m->state != GONE) take(m);
  }
}

static void look_for(double seconds) {
  double end = now_s() + seconds;
  while (now_s() < end) look(10);
}

/* The next member whose turn it is and who may send now; NULL when all have sent as much as a person may. */
static struct member *speaker(void) {
  static int turn;
  double now = now_s();
  for (int tried = 0; tried < count; tried++) {
    struct member *m = &members[turn++ % count];
    if (m->state != IN) continue;
    if (!is("shiproom") || now - m->sent[m->next_sent] > WINDOW_S) {
      m->sent[m->next_sent] = now;
      m->next_sent = (m->next_sent + 1) % LINES;
      return m;
    }
  }
  return NULL;
}

static int speak(void) {
  static char letters[TEXT + 1];
  struct member *m = sent_count < MOST_MESSAGES ? speaker() : NULL;
  if (!m) return 0;
  if (!*letters) memset(letters, 'x', TEXT);
  long number = sent_count++;
  unsigned long long began = now_ns();
  if (is("shiproom"))
    say(m, "{\"t\":\"message\",\"cid\":\"%ld-%llu\",\"room\":%s,\"text\":\"~%ld:%llu~%s\"}", number, began, room, number,
        began, letters);
  else
    say(m, "%s{\"message\":\"~%ld:%llu~%s\"}%s", is("socketio") ? "42[\"message\"," : "", number, began, letters,
        is("socketio") ? "]" : "");
  return 1;
}

static double at_share(uint64_t total, double share) {
  uint64_t seen = 0, wanted = (uint64_t)((double)total * share);
  for (long tenths = 0; tenths < MOST_MS * 10; tenths++)
    if ((seen += times[tenths]) > wanted) return (double)tenths / 10;
  return 0;
}

static void in_flight(int most, double seconds) {
  double end = now_s() + seconds;
  while (now_s() < end) {
    while (sent_count - done_count < most && speak()) continue;
    look(1);
  }
}

static void at_rate(double per_second, double seconds) {
  double began = now_s(), next = began;
  while (now_s() < began + seconds) {
    double now = now_s();
    if (now >= next) {
      speak();
      next += 1 / per_second;
    } else {
      double wait_ms = (next - now) * 1000;
      look(wait_ms < 1 ? 0 : wait_ms > 20 ? 20 : (int)wait_ms);
    }
  }
}

static void drain(void) {
  double end = now_s() + DRAIN_S;
  while (done_count < sent_count && now_s() < end) look(5);
}

/* Of what is missing: how many messages nobody has, and how many only some. */
static void tell_missing(long from) {
  long unheard = 0, partly = 0;
  for (long number = from; number < sent_count; number++) {
    unheard += arrived[number] == 0;
    partly += arrived[number] > 0 && arrived[number] < in;
  }
  if (unheard + partly)
    fprintf(stderr, "after %.0f s nobody has %ld messages, some have %ld; %llu were refused\n", DRAIN_S, unheard, partly,
            (unsigned long long)refused);
}

static void measure(const char *scenario, double seconds, double warm_s) {
  for (int i = 0; i < 5; i++) in_flight(1, warm_s / 5);
  drain();
  long sent_before = sent_count;
  uint64_t before = deliveries;
  double cpu_before = cpu_s();
  memset(times, 0, sizeof *times * MOST_MS * 10);
  printf("start %s\n", scenario);
  fflush(stdout);
  is_measuring = 1;
  double began = now_s();
  if (!strncmp(scenario, "rate-", 5)) at_rate(atof(scenario + 5), seconds);
  else in_flight(strcmp(scenario, "single") ? SATURATED : 1, seconds);
  double took = now_s() - began;
  uint64_t delivered = deliveries - before;
  printf("end %s\n", scenario);
  fflush(stdout);
  double used = cpu_s() - cpu_before;
  drain(); /* what was under way counts for the times, not for the rate */
  is_measuring = 0;
  tell_missing(sent_before);
  uint64_t timed = deliveries - before;
  long missing = (sent_count - sent_before) * (long)in - (long)timed;
  printf("{\"scenario\":\"%s\",\"seconds\":%.3f,\"messages\":%ld,\"deliveries\":%llu,\"missing\":%ld,\"copies\":%llu,"
         "\"p50_ms\":%.1f,\"p99_ms\":%.1f,\"client_cpu_s\":%.2f,\"members\":%d,\"gone\":%d}\n",
         scenario, took, sent_count - sent_before, (unsigned long long)delivered, missing, (unsigned long long)copies,
         at_share(timed, 0.5), at_share(timed, 0.99), used, in, gone);
  fflush(stdout);
}

static void read_cookies(const char *name) {
  char line[512];
  FILE *file = fopen(name, "r");
  if (!file) {
    perror(name);
    exit(2);
  }
  cookies = calloc((size_t)count, sizeof *cookies);
  for (int i = 0; i < count && fgets(line, sizeof line, file); i++) {
    line[strcspn(line, "\n")] = 0;
    cookies[i] = strdup(line);
  }
  fclose(file);
  if (!cookies[count - 1]) {
    fprintf(stderr, "%s has too few lines\n", name);
    exit(2);
  }
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  port = atoi(argv[1]);
  path = argv[2];
  kind = argv[3];
  count = atoi(argv[4]);
  if (argc > 7) {
    read_cookies(argv[5]);
    origin = argv[6];
    room = argv[7];
  }
  members = calloc((size_t)count, sizeof *members);
  arrived = calloc(MOST_MESSAGES, sizeof *arrived);
  times = calloc(MOST_MS * 10, sizeof *times);
  poller = epoll_create1(0);
  double end = now_s() + CONNECT_S;
  for (int next = 0; in + gone < count && now_s() < end; look(5))
    while (next < count && next - in - gone < OPENING_AT_ONCE) start(&members[next++]);
  look_for(SETTLE_S);
  printf("in %d\n", in);
  fflush(stdout);
  if (in < count) return 2;
  struct pollfd either[] = {{.fd = 0, .events = POLLIN}, {.fd = poller, .events = POLLIN}};
  for (char line[128]; poll(either, 2, -1) > 0;) {
    char scenario[32];
    double seconds, warm_s;
    look(0);
    if (!either[0].revents) continue;
    if (!fgets(line, sizeof line, stdin) || sscanf(line, "%31s %lf %lf", scenario, &seconds, &warm_s) != 3) break;
    measure(scenario, seconds, warm_s);
  }
  return 0;
}
