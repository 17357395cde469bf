// Many Soulseek users in one process, to measure a node by; see soulseek_bench.py. Loopback only, one thread.
// Arguments: MODE SERVER_PORT NODE_USER NODE_PORT and those of the mode. Says "ready" and then a line of
// JSON.
//   upload PATH SIZE          one user fetches that file from the node and throws the bytes away
//   shares FILES              one user "sharer" with so many files gives its list to whoever browses, till
//   the end browse TIMES              so many users browse the node at once load SEARCHES DOWNLOADS UPLOADS
//   IDLE SIZE LIST   the node answers searches, has DOWNLOADS files of SIZE to
//                             fetch, and UPLOADS of those that LIST names (a path a line) are fetched from it
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "net/soulseek/codec.hpp"
#include "net/soulseek/frame_splitter.hpp"
#include "net/soulseek/shares.hpp"

namespace vsf::soulseek {
namespace {

using steady = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "soulseek_peers: %s\n", why.c_str());
  std::exit(1);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  out.sin_port = htons(port);
  return out;
}

enum class role : std::uint8_t { listener, server, greeting, peer, receives, sends };

struct connection {
  int fd = -1;
  role as = role::greeting;
  std::size_t user = 0;
  frame_splitter splitter{server_frame_limit, wide_code};
  std::deque<std::pair<bytes, std::size_t>> out;  // with what is gone of the first
  bool waits_for_room = false;
  bytes head;              // of a file connection: token or offset
  std::uint64_t left = 0;  // bytes of the file
  bool greeted = true;     // the other side's init came or isn't wanted
  bool connecting = false;
  bool listing = false;
  std::uint32_t token = 0;   // of a file that is sent
  bytes first;               // what a link to the node was opened for
  bool heard = false;        // anything on it
  std::uint64_t listed = 0;  // bytes of a share list so far
};

struct plan {
  std::string mode, node_user;
  std::uint16_t server_port = 0, node_port = 0;
  std::size_t searches = 0, downloads = 0, uploads = 0, idle = 0, browses = 0, shared_files = 0;
  std::uint64_t size_bytes = 0;
  std::vector<std::string> paths;
};

class peers {
 public:
  explicit peers(plan what) : plan_(std::move(what)), epoll_(::epoll_create1(0)) {}

  int run() {
    const auto users = plan_.mode == "load" ? plan_.searches + plan_.downloads + plan_.uploads + plan_.idle
                       : plan_.mode == "browse" ? plan_.browses
                                                : 1;
    listen();
    for (std::size_t i = 0; i < users; ++i) log_in(i);
    while (logged_in_ < users) turn(-1);
    if (plan_.mode == "shares") make_list();
    begin();
    began_ = steady::now();
    std::printf("ready\n");
    std::fflush(stdout);
    while (!done()) turn(100);
    report();
    return 0;
  }

 private:
  std::string name_of(std::size_t user) const {
    return plan_.mode == "shares" ? "sharer" : "p" + std::to_string(user);
  }

  // ---- sockets

  connection& add(int fd, role as, std::size_t user) {
    auto made = std::make_unique<connection>();
    made->fd = fd;
    made->as = as;
    made->user = user;
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    const int on = 1;
    (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{EPOLLIN, {.fd = fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    auto& place = all_[fd];
    place = std::move(made);
    return *place;
  }
  connection& dial(std::uint16_t port, role as, std::size_t user) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const auto to = loopback(port);
    if (fd < 0 ||
        (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 && errno != EINPROGRESS))
      die("cannot connect to port " + std::to_string(port));
    auto& c = add(fd, as, user);
    c.connecting = true;
    watch(c, true);
    return c;
  }
  void watch(connection& c, bool room) {
    c.waits_for_room = room;
    epoll_event event{EPOLLIN | (room ? std::uint32_t{EPOLLOUT} : 0U), {.fd = c.fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_MOD, c.fd, &event);
  }
  void end(connection& c) {
    ::close(c.fd);
    gone_.push_back(std::move(all_[c.fd]));
    all_.erase(c.fd);
  }
  void say(connection& c, bytes message) {
    c.out.emplace_back(std::move(message), 0);
    if (!c.connecting) flush(c);
  }
  void flush(connection& c) {
    static const bytes zeros(256 * 1024, 0);
    for (;;) {
      const bool file = c.out.empty() && c.as == role::sends && c.greeted && c.left > 0;
      if (c.out.empty() && !file) break;
      const auto view = file ? byte_view(zeros).first(std::min<std::uint64_t>(zeros.size(), c.left))
                             : byte_view(c.out.front().first).subspan(c.out.front().second);
      const auto sent = ::send(c.fd, view.data(), view.size(), MSG_NOSIGNAL);
      if (sent < 0) break;
      if (file) {
        c.left -= static_cast<std::uint64_t>(sent);
        continue;
      }
      c.out.front().second += static_cast<std::size_t>(sent);
      if (c.out.front().second == c.out.front().first.size()) c.out.pop_front();
    }
    const bool more = !c.out.empty() || (c.as == role::sends && c.greeted && c.left > 0);
    if (more != c.waits_for_room) watch(c, more);
  }
  void listen() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto at = loopback(0);
    socklen_t length = sizeof at;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || ::listen(fd, 4096) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length) != 0)
      die("cannot listen");
    port_ = ntohs(at.sin_port);
    add(fd, role::listener, 0);
  }

  void turn(int wait_ms) {
    epoll_event events[256];
    const int n = ::epoll_wait(epoll_, events, 256, wait_ms);
    for (int i = 0; i < n; ++i) {
      const auto it = all_.find(events[i].data.fd);
      if (it == all_.end()) continue;
      auto& c = *it->second;
      if (c.as == role::listener) {
        accept(c);
        continue;
      }
      if (c.connecting && (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) c.connecting = false;
      if ((events[i].events & EPOLLOUT) != 0) flush(c);
      if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) read(c);
    }
    gone_.clear();
    try_again();
  }
  void accept(const connection& at) {
    for (;;) {
      const int fd = ::accept4(at.fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      auto& c = add(fd, role::greeting, 0);
      c.splitter = frame_splitter(init_frame_limit, narrow_code);
      c.greeted = false;
    }
  }
  void read(connection& c) {
    static bytes buffer(1 << 20);
    for (int rounds = 0; rounds < 8; ++rounds) {
      const auto got = ::recv(c.fd, buffer.data(), buffer.size(), 0);
      if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (got <= 0) return lost(c);
      const auto fd = c.fd;
      took(c, byte_view(buffer).first(static_cast<std::size_t>(got)));
      if (!all_.contains(fd)) return;
    }
  }
  void lost(connection& c) {
    if (c.as == role::server) die("the server closed the connection of " + name_of(c.user));
    if (c.as == role::receives && c.left > 0) ++broken_;
    const bool begun = c.head.size() == offset_size;
    if (c.as == role::sends && begun) c.left == 0 ? ++sent_files_ : ++broken_;
    if (c.as == role::peer && plan_.mode == "load") ++closed_links_;
    // Refused in the rush, before anything was said: a second later again, as clients do.
    if ((c.as == role::sends && !begun) || (c.as == role::peer && !c.first.empty() && !c.heard))
      again_.push_back({steady::now() + std::chrono::seconds(1), c.as, c.user, c.token, c.first});
    end(c);
  }

  // ---- what comes

  void took(connection& c, byte_view raw) {
    if (c.as == role::receives || c.as == role::sends) return took_file(c, raw);
    c.heard = true;
    c.splitter.feed(raw);
    while (true) {
      if (c.as == role::peer && plan_.mode == "browse" && took_list(c)) return;
      const auto next = c.splitter.next();
      if (!next) break;
      if (c.as == role::server)
        from_server_came(c, *next);
      else if (c.as == role::greeting) {
        if (!greeted(c, *next)) return;
        if (c.as == role::receives) {
          const auto rest = c.splitter.drain();
          if (!rest.empty()) took_file(c, rest);
          return;
        }
      } else {
        peer_came(c, *next);
      }
    }
    if (c.splitter.error()) die("a broken stream");
  }
  /// A share list of the node's, of which only the length is of interest.
  bool took_list(connection& c) {
    if (!c.listing) {
      const auto head = c.splitter.front();
      if (!head || head->code != peer::shared_file_list_response::code || !c.splitter.stream_front())
        return false;
      c.listing = true;
    }
    c.listed += c.splitter.take().size();
    if (c.splitter.streaming() > 0) return true;
    listed_bytes_ = c.listed;
    ++lists_;
    end(c);
    return true;
  }
  void from_server_came(connection& c, byte_view message) {
    const auto said = decode_from_server(message);
    if (!said) return;
    if (const auto* login = std::get_if<from_server::login>(&*said)) {
      if (!std::holds_alternative<from_server::login_success>(login->outcome)) die("login refused");
      say(c, encode(to_server::set_wait_port{port_, std::nullopt}));
      say(c, encode(to_server::set_status{user_status::online}));
      ++logged_in_;
    }
  }
  bool greeted(connection& c, byte_view message) {
    const auto said = decode_init(message);
    const auto* hello = said ? std::get_if<init::peer_init>(&*said) : nullptr;
    if (hello == nullptr || hello->type == connection_type::distributed) {
      end(c);
      return false;
    }
    c.as = hello->type == connection_type::file ? role::receives : role::peer;
    if (c.as == role::receives) {
      c.left = plan_.size_bytes;
      return true;
    }
    const auto rest = c.splitter.drain();
    c.splitter = frame_splitter(peer_frame_limit, wide_code);
    c.splitter.feed(rest);
    return true;
  }
  void peer_came(connection& c, byte_view message) {
    const auto said = decode_peer(message);
    if (!said) return;
    if (const auto* wish = std::get_if<peer::queue_upload>(&*said)) {
      // "p17\file": ours to send.
      const auto token = ++next_token_;
      offered_[token] = static_cast<std::size_t>(std::atoi(wish->file.c_str() + 1));
      say(c, encode(peer::transfer_request{transfer_direction::upload, token, wish->file, plan_.size_bytes}));
    } else if (const auto* answer = std::get_if<peer::transfer_response>(&*said)) {
      const auto offer = offered_.extract(answer->token);
      if (offer && answer->allowed) send_file(offer.mapped(), answer->token);
    } else if (const auto* request = std::get_if<peer::transfer_request>(&*said)) {
      if (request->direction == transfer_direction::upload)
        say(c, encode(peer::transfer_response{request->token, true, std::nullopt, std::nullopt}));
    } else if (std::holds_alternative<peer::file_search_response>(*said)) {
      ++answers_;
    } else if (std::holds_alternative<peer::shared_file_list_request>(*said)) {
      for (const auto& piece : list_) say(c, piece);
    } else if (const auto* denied = std::get_if<peer::upload_denied>(&*said)) {
      ++denied_[denied->reason];
    } else if (std::holds_alternative<peer::user_info_response>(*said)) {
      ++infos_;
    }
  }
  void took_file(connection& c, byte_view raw) {
    const auto head_size = c.as == role::receives ? token_size : offset_size;
    if (c.head.size() < head_size) {
      const auto used = std::min(head_size - c.head.size(), raw.size());
      c.head.insert(c.head.end(), raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(used));
      raw = raw.subspan(used);
      if (c.head.size() < head_size) return;
      if (c.as == role::receives) {
        say(c, encode_offset(0));
      } else {
        c.left -= std::min(c.left, decode_offset(c.head).value_or(0));
        c.greeted = true;
        flush(c);
      }
    }
    if (c.as == role::sends) return;
    if (received_bytes_ == 0) first_byte_ = steady::now();
    received_bytes_ += raw.size();
    c.left -= std::min<std::uint64_t>(c.left, raw.size());
    if (c.left > 0) return;
    ++received_files_;
    end(c);
  }

  // ---- what is wanted

  void log_in(std::size_t user) {
    auto& c = dial(plan_.server_port, role::server, user);
    servers_[user] = c.fd;
    say(c, encode(make_login(name_of(user), "secret", 177, 1)));
  }
  /// Opens a link to the node for this and says it.
  void tell_node(std::size_t user, const bytes& message) {
    auto& c = dial(plan_.node_port, role::peer, user);
    say(c, encode(init::peer_init{name_of(user), connection_type::peer, 0}));
    say(c, message);
    c.first = message;
  }
  void send_file(std::size_t user, std::uint32_t token) {
    auto& c = dial(plan_.node_port, role::sends, user);
    c.left = plan_.size_bytes;
    c.greeted = false;
    c.token = token;
    say(c, encode(init::peer_init{name_of(user), connection_type::file, 0}));
    say(c, encode_token(token));
  }
  void make_list() {
    const auto folders = static_cast<std::uint32_t>((plan_.shared_files + 11) / 12);
    bytes body;
    shares_writer writer(folders, std::nullopt,
                         [&](byte_view part) { body.insert(body.end(), part.begin(), part.end()); });
    std::uint64_t state = 1;
    const auto word = [&] {
      state = state * 6364136223846793005U + 1442695040888963407U;
      return std::to_string(state >> 40);
    };
    for (std::size_t made = 0; made < plan_.shared_files;) {
      const auto count = std::min<std::size_t>(12, plan_.shared_files - made);
      writer.begin_folder("Music\\Artist " + word() + "\\Album " + word(), static_cast<std::uint32_t>(count));
      for (std::size_t i = 0; i < count; ++i, ++made) {
        file f;
        f.name = "0" + std::to_string(i) + " - Title " + word() + " " + word() + ".mp3";
        f.size = 4'000'000 + made;
        f.attrs.bitrate = 320;
        f.attrs.duration = 200;
        writer.add_file(f);
      }
    }
    list_.push_back(shares_writer::header(writer.finish()));
    listed_bytes_ = body.size();
    list_.push_back(std::move(body));
  }
  void begin() {
    if (plan_.mode == "upload") tell_node(0, encode(peer::queue_upload{plan_.paths[0]}));
    if (plan_.mode == "browse")
      for (std::size_t i = 0; i < plan_.browses; ++i) tell_node(i, encode(peer::shared_file_list_request{}));
    if (plan_.mode != "load") return;
    std::size_t user = 0;
    for (std::size_t i = 0; i < plan_.searches; ++i, ++user)
      say(*all_.at(servers_.at(user)),
          encode(to_server::file_search{static_cast<std::uint32_t>(i + 1), "shared track"}));
    user += plan_.downloads;  // those the node asks
    for (std::size_t i = 0; i < plan_.uploads; ++i, ++user)
      tell_node(user, encode(peer::queue_upload{plan_.paths[i % plan_.paths.size()]}));
    for (std::size_t i = 0; i < plan_.idle; ++i, ++user) tell_node(user, encode(peer::user_info_request{}));
  }
  bool done() const {
    if (plan_.mode == "upload") return received_files_ == 1;
    if (plan_.mode == "browse") return lists_ == plan_.browses;
    if (plan_.mode == "shares") return false;
    const bool late = steady::now() - began_ > std::chrono::seconds(240);
    return late || (answers_ >= plan_.searches && sent_files_ >= plan_.downloads &&
                    received_files_ >= plan_.uploads && infos_ >= plan_.idle);
  }
  void report() const {
    const auto seconds = std::chrono::duration<double>(steady::now() - began_).count();
    const auto waited = std::chrono::duration<double>(first_byte_ - began_).count();
    std::printf(
        "{\"seconds\": %.3f, \"waited\": %.3f, \"answers\": %zu, \"downloads\": %zu, \"uploads\": %zu, "
        "\"infos\": %zu, "
        "\"lists\": %zu, "
        "\"list_bytes\": %llu, \"received_bytes\": %llu, \"broken\": %zu, \"retries\": %zu, "
        "\"closed_links\": %zu, \"denied\": "
        "%zu}\n",
        seconds, waited, answers_, sent_files_, received_files_, infos_, lists_,
        static_cast<unsigned long long>(listed_bytes_), static_cast<unsigned long long>(received_bytes_),
        broken_, retries_, closed_links_, denied_.size());
    for (const auto& [why, count] : denied_)
      std::fprintf(stderr, "denied %zu times: %s\n", count, why.c_str());
  }

  struct retry {
    steady::time_point at;
    role as;
    std::size_t user;
    std::uint32_t token;
    bytes first;
  };
  void try_again() {
    while (!again_.empty() && again_.front().at <= steady::now()) {
      const auto what = std::move(again_.front());
      again_.pop_front();
      ++retries_;
      if (what.as == role::sends)
        send_file(what.user, what.token);
      else
        tell_node(what.user, what.first);
    }
  }

  plan plan_;
  std::deque<retry> again_;
  int epoll_;
  std::uint16_t port_ = 0;
  std::map<int, std::unique_ptr<connection>> all_;
  std::vector<std::unique_ptr<connection>> gone_;
  std::map<std::size_t, int> servers_;
  std::map<std::uint32_t, std::size_t> offered_;
  std::vector<bytes> list_;
  steady::time_point began_, first_byte_;
  std::uint32_t next_token_ = 1000;
  std::size_t logged_in_ = 0, answers_ = 0, sent_files_ = 0, received_files_ = 0, infos_ = 0, lists_ = 0,
              retries_ = 0, broken_ = 0, closed_links_ = 0;
  std::uint64_t received_bytes_ = 0, listed_bytes_ = 0;
  std::map<std::string, std::size_t> denied_;
};

plan read_plan(const std::vector<std::string>& args) {
  if (args.size() < 5) die("too few arguments: MODE SERVER_PORT NODE_USER NODE_PORT ...");
  const auto number = [&](std::size_t i) { return args.size() > i ? std::stoull(args[i]) : 0; };
  plan out;
  out.mode = args[0];
  out.server_port = static_cast<std::uint16_t>(number(1));
  out.node_user = args[2];
  out.node_port = static_cast<std::uint16_t>(number(3));
  if (out.mode == "upload") {
    out.paths = {args[4]};
    out.size_bytes = number(5);
  } else if (out.mode == "shares") {
    out.shared_files = number(4);
  } else if (out.mode == "browse") {
    out.browses = number(4);
  } else if (out.mode == "load" && args.size() == 10) {
    out.searches = number(4);
    out.downloads = number(5);
    out.uploads = number(6);
    out.idle = number(7);
    out.size_bytes = number(8);
    std::ifstream list(args[9]);
    for (std::string line; std::getline(list, line);) out.paths.push_back(line);
  } else {
    die("no such mode");
  }
  return out;
}

}  // namespace
}  // namespace vsf::soulseek

int main(int argc, char** argv) {
  return vsf::soulseek::peers(vsf::soulseek::read_plan({argv + 1, argv + argc})).run();
}
