// The one translation unit with Beast in it: it costs ten seconds to compile.

#include "gateway/server.hpp"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <atomic>
#include <set>
#include <thread>

#include "gateway/event_hub.hpp"

namespace vsf::gateway {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
namespace websocket = beast::websocket;
using tcp = asio::ip::tcp;
using boost::system::error_code;

endpoint from_asio(const tcp::endpoint& at) {
  endpoint out;
  const auto v6 = at.address().is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, at.address().to_v4())
                                       : at.address().to_v6();
  const auto raw = v6.to_bytes();
  std::copy(raw.begin(), raw.end(), out.ip.begin());
  out.port = at.port();
  return out;
}

tcp::endpoint to_asio(const endpoint& at) {
  asio::ip::address_v6::bytes_type raw;
  std::copy(at.ip.begin(), at.ip.end(), raw.begin());
  const asio::ip::address_v6 v6(raw);
  if (at.is_v4()) return {asio::ip::make_address_v4(asio::ip::v4_mapped, v6), at.port};
  return {v6, at.port};
}

class server;

/// An open event stream, whatever it runs over.
class event_stream {
 public:
  virtual ~event_stream() = default;
  virtual void push(std::shared_ptr<const std::string> text) = 0;
  virtual void end() = 0;
};

class server final : public http_server, public std::enable_shared_from_this<server> {
 public:
  server(access_policy policy, server_hooks hooks, server_limits limits)
      : policy_(std::move(policy)),
        hooks_(std::move(hooks)),
        limits_(limits),
        acceptor_(context_),
        retry_(context_) {}
  ~server() override { stop(); }

  result<void> listen(const tls_files& tls);
  void run() {
    accept();
    thread_ = std::thread([this] { context_.run(); });
  }

  endpoint local() const override { return local_; }
  void stop() override {
    if (!thread_.joinable()) return;
    stopping_ = true;
    asio::post(context_, [this] {
      error_code ignored;
      acceptor_.close(ignored);
      retry_.cancel();
      for (auto* s : std::set<event_stream*>(streams_)) s->end();
    });
    context_.stop();
    thread_.join();
  }
  void broadcast(std::shared_ptr<const std::string> text) override {
    if (stopping_) return;
    asio::post(context_, [this, text] {
      for (auto* s : streams_) s->push(text);
    });
  }

  const access_policy& policy() const { return policy_; }
  const server_hooks& hooks() const { return hooks_; }
  const server_limits& limits() const { return limits_; }
  asio::io_context& context() { return context_; }
  bool stopping() const { return stopping_; }
  bool admit(event_stream* s) {
    return streams_.size() < limits_.max_websockets && streams_.insert(s).second;
  }
  void dismiss(event_stream* s) { streams_.erase(s); }
  void connection_ended() { --connections_; }

 private:
  void accept();
  void accepted(tcp::socket socket);

  access_policy policy_;
  server_hooks hooks_;
  server_limits limits_;
  // Before the context: connections that end with it still come here.
  std::set<event_stream*> streams_;
  std::size_t connections_ = 0;
  std::atomic<bool> stopping_{false};
  asio::io_context context_{1};
  std::optional<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  endpoint local_;
  std::thread thread_;
};

using plain_stream = beast::tcp_stream;
using tls_stream = beast::ssl_stream<beast::tcp_stream>;

template <class Stream>
class web_socket final : public event_stream, public std::enable_shared_from_this<web_socket<Stream>> {
 public:
  web_socket(server& owner, Stream stream) : owner_(owner), socket_(std::move(stream)) {}
  ~web_socket() override {
    owner_.dismiss(this);
    owner_.connection_ended();
  }

  void start(http::request<http::string_body> upgrade) {
    beast::get_lowest_layer(socket_).expires_never();
    auto timeout = websocket::stream_base::timeout::suggested(beast::role_type::server);
    timeout.keep_alive_pings = true;
    socket_.set_option(timeout);
    socket_.read_message_max(4096);
    socket_.async_accept(upgrade, [self = this->shared_from_this()](error_code ec) {
      if (ec || !self->owner_.admit(self.get())) return;
      self->read();
    });
  }
  void push(std::shared_ptr<const std::string> text) override {
    queue_.push(std::move(text));
    write();
  }
  void end() override { beast::get_lowest_layer(socket_).close(); }

 private:
  void read() {  // nothing is expected; reading notices the end and answers pings
    socket_.async_read(incoming_, [self = this->shared_from_this()](error_code ec, std::size_t) {
      self->incoming_.clear();
      if (ec)
        self->owner_.dismiss(self.get());
      else
        self->read();
    });
  }
  void write() {
    if (writing_ || queue_.empty()) return;
    writing_ = true;
    outgoing_ = queue_.pop();
    socket_.text(true);
    socket_.async_write(asio::buffer(outgoing_),
                        [self = this->shared_from_this()](error_code ec, std::size_t) {
                          self->writing_ = false;
                          if (ec)
                            self->owner_.dismiss(self.get());
                          else
                            self->write();
                        });
  }

  server& owner_;
  websocket::stream<Stream> socket_;
  beast::flat_buffer incoming_;
  event_queue queue_;
  std::string outgoing_;
  bool writing_ = false;
};

template <class Stream>
class connection final : public std::enable_shared_from_this<connection<Stream>> {
 public:
  connection(server& owner, Stream stream, endpoint peer)
      : owner_(owner), stream_(std::move(stream)), peer_(peer) {}
  ~connection() {
    if (!upgraded_) owner_.connection_ended();
  }

  void start() {
    expire();
    if constexpr (std::is_same_v<Stream, tls_stream>) {
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](error_code ec) {
                                if (!ec) self->read();
                              });
    } else {
      read();
    }
  }

 private:
  void expire() {
    beast::get_lowest_layer(stream_).expires_after(std::chrono::seconds(owner_.limits().idle_timeout_s));
  }

  void read() {
    parser_.emplace();
    parser_->body_limit(owner_.limits().max_body_bytes);
    parser_->header_limit(static_cast<std::uint32_t>(owner_.limits().max_header_bytes));
    expire();
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](error_code ec, std::size_t) { self->on_read(ec); });
  }

  void on_read(error_code ec) {
    if (ec == http::error::body_limit || ec == http::error::header_limit)
      return answer(problem(413, "too_large", "the request is larger than this node takes"), true);
    if (ec && ec.category() == http::make_error_code(http::error::bad_method).category() &&
        ec != http::error::end_of_stream && ec != http::error::partial_message)
      return answer(problem(400, "malformed", "this is no HTTP request"), true);
    if (ec) return;
    auto& message = parser_->get();
    request asked;
    asked.method = std::string(message.method_string());
    asked.peer = peer_;
    asked.body = std::move(message.body());
    for (const auto& field : message) {
      std::string name(field.name_string());
      for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      asked.headers[name] = std::string(field.value());
    }
    auto target = parse_target(std::string_view(message.target().data(), message.target().size()));
    if (!target) return answer(problem(400, "bad_target", "the address is malformed or too long"), true);
    std::tie(asked.path, asked.query) = std::move(*target);
    if (auto no = refuse(asked, owner_.policy())) return answer(std::move(*no), false);
    auto next = route_request(asked);
    if (auto* ready = std::get_if<response>(&next)) return answer(std::move(*ready), false);
    auto& what = std::get<want>(next);
    if (std::holds_alternative<want_event_stream>(what) && websocket::is_upgrade(message)) return upgrade();
    // While the node thinks, the client's time does not run.
    beast::get_lowest_layer(stream_).expires_never();
    owner_.hooks().ask(std::move(what), [self = this->shared_from_this()](response r) {
      asio::post(self->owner_.context(),
                 [self, r = std::move(r)]() mutable { self->answer(std::move(r), false); });
    });
  }

  void upgrade() {
    upgraded_ = true;
    std::make_shared<web_socket<Stream>>(owner_, std::move(stream_))->start(parser_->release());
  }

  void answer(response r, bool close) {
    if (owner_.stopping()) return;
    if (r.finished_download) return send_file(std::move(r), close);
    auto message = std::make_shared<http::response<http::string_body>>();
    message->body() = std::move(r.body);
    send(message, r, close);
  }

  void send_file(response r, bool close) {
    auto message = std::make_shared<http::response<http::file_body>>();
    error_code ec;
    message->body().open(r.finished_download->c_str(), beast::file_mode::scan, ec);
    if (ec)
      return answer(
          problem(410, "file_gone", "the finished file is no longer where it was: " + *r.finished_download),
          close);
    send(message, r, close);
  }

  template <class Body>
  void send(const std::shared_ptr<http::response<Body>>& message, const response& r, bool close) {
    const bool head = parser_ && parser_->is_header_done() && parser_->get().method() == http::verb::head;
    const bool keep = !close && parser_->get().keep_alive();
    message->version(11);
    message->result(r.status);
    message->set(http::field::server, "vsfd");
    message->set(http::field::content_type, r.content_type);
    for (const auto& [name, value] : r.headers) message->set(name, value);
    message->keep_alive(keep);
    message->prepare_payload();
    expire_for_sending(message->payload_size().value_or(0));
    const auto done = [self = this->shared_from_this(), message, keep](error_code ec, std::size_t) {
      if (!ec && keep) return self->read();
      error_code ignored;
      beast::get_lowest_layer(self->stream_).socket().shutdown(tcp::socket::shutdown_send, ignored);
    };
    if (head) {
      auto serializer = std::make_shared<http::response_serializer<Body>>(*message);
      http::async_write_header(stream_, *serializer,
                               [done, serializer](error_code ec, std::size_t n) { done(ec, n); });
      return;
    }
    http::async_write(stream_, *message, done);
  }

  /// A slow reader of a large file gets the time its size needs at 64 KiB/s.
  void expire_for_sending(std::uint64_t size) {
    beast::get_lowest_layer(stream_).expires_after(
        std::chrono::seconds(owner_.limits().idle_timeout_s + size / 65'536));
  }

  server& owner_;
  Stream stream_;
  endpoint peer_;
  beast::flat_buffer buffer_{64 * 1024 + 16 * 1024};
  std::optional<http::request_parser<http::string_body>> parser_;
  bool upgraded_ = false;
};

result<void> server::listen(const tls_files& tls) {
  error_code ec;
  if (!tls.certificate.empty()) {
    tls_.emplace(asio::ssl::context::tls_server);
    tls_->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                      asio::ssl::context::no_tlsv1_1);
    tls_->use_certificate_chain_file(tls.certificate, ec);
    if (ec)
      return fail("cannot use gateway.tls_cert " + tls.certificate + ": " + ec.message() +
                  "; it must be a readable PEM file");
    tls_->use_private_key_file(tls.key, asio::ssl::context::pem, ec);
    if (ec)
      return fail("cannot use gateway.tls_key " + tls.key + ": " + ec.message() +
                  "; it must be a readable PEM file");
  }
  const auto at = to_asio(policy_.listen);
  acceptor_.open(at.protocol(), ec);
  if (!ec) acceptor_.set_option(tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor_.bind(at, ec);
  if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  if (ec)
    return fail("cannot serve HTTP on " + to_string(policy_.listen) + ": " + ec.message() +
                "; stop the other program or set gateway.listen to another address");
  local_ = from_asio(acceptor_.local_endpoint());
  return {};
}

void server::accept() {
  acceptor_.async_accept([this](error_code ec, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (!ec) {
      accepted(std::move(socket));
      return accept();
    }
    // Out of descriptors: accepting again at once would spin.
    retry_.expires_after(std::chrono::milliseconds(200));
    retry_.async_wait([this](error_code cancelled) {
      if (!cancelled) accept();
    });
  });
}

void server::accepted(tcp::socket socket) {
  error_code ec;
  const auto peer = socket.remote_endpoint(ec);
  if (ec || connections_ >= limits_.max_connections) return;  // closed by its destructor
  ++connections_;
  const auto from = from_asio(peer);
  if (tls_)
    std::make_shared<connection<tls_stream>>(*this, tls_stream(std::move(socket), *tls_), from)->start();
  else
    std::make_shared<connection<plain_stream>>(*this, plain_stream(std::move(socket)), from)->start();
}

}  // namespace

result<std::unique_ptr<http_server>> start_server(const access_policy& policy, const tls_files& tls,
                                                  server_hooks hooks, server_limits limits) {
  auto out = std::make_unique<server>(policy, std::move(hooks), limits);
  if (const auto listening = out->listen(tls); !listening) return tl::unexpected(listening.error());
  out->run();
  return std::unique_ptr<http_server>(std::move(out));
}

}  // namespace vsf::gateway
