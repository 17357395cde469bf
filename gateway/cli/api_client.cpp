#include "gateway/cli/api_client.hpp"

#include <curl/curl.h>

#include <array>
#include <cctype>
#include <cstring>
#include <fstream>

#include "gateway/cli/terminal.hpp"
#include "net/crypto/crypto.hpp"

namespace vsf::cli {

namespace {

constexpr std::size_t max_json_bytes = 64 * 1024 * 1024;
constexpr std::size_t max_header_value = 1024;

/// Where an answer's bytes go: JSON and errors into `body`, the bytes of a file to `file`.
struct sink {
  CURL* handle = nullptr;
  std::string body{};
  bool too_large = false;
  std::FILE* file = nullptr;
  bool write_failed = false;
  std::uint64_t file_bytes = 0;
  crypto::sha256_hasher hasher{};
  std::string file_name{};
  const std::function<bool(std::uint64_t)>* progress = nullptr;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& into = *static_cast<sink*>(user);
  const auto n = size * count;
  long status = 0;
  curl_easy_getinfo(into.handle, CURLINFO_RESPONSE_CODE, &status);
  if (into.file != nullptr && status == 200) {
    into.write_failed = std::fwrite(data, 1, n, into.file) != n;
    into.hasher.update(crypto::as_bytes({data, n}));
    into.file_bytes += n;
    return into.write_failed ? 0 : n;
  }
  into.too_large = into.body.size() + n > max_json_bytes;
  if (into.too_large) return 0;
  into.body.append(data, n);
  return n;
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  const std::string_view line(data, size * count);
  constexpr std::string_view name = "x-file-name:";
  const auto same = [](char wanted, char got) {
    return wanted == std::tolower(static_cast<unsigned char>(got));
  };
  if (line.size() > name.size() && std::equal(name.begin(), name.end(), line.begin(), same)) {
    auto value = line.substr(name.size());
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.remove_suffix(1);
    static_cast<sink*>(user)->file_name = value.substr(0, max_header_value);
  }
  return line.size();
}

int on_progress(void* user, curl_off_t, curl_off_t now, curl_off_t, curl_off_t) {
  const auto& into = *static_cast<sink*>(user);
  return into.progress == nullptr || (*into.progress)(static_cast<std::uint64_t>(now)) ? 0 : 1;
}

std::string unreachable(const std::string& url, CURLcode code, const std::string& detail) {
  std::string why = detail.empty() ? curl_easy_strerror(code) : detail;
  if (code == CURLE_COULDNT_CONNECT && detail.find("onnection refused") != std::string::npos)
    why = "connection refused";
  // libcurl's own text is "Failed to connect to H port P after 0 ms: Couldn't connect to server".
  if (code == CURLE_COULDNT_CONNECT && detail.find("Couldn't connect") != std::string::npos)
    why = "connection refused";
  if (code == CURLE_OPERATION_TIMEDOUT) why = "no answer in time";
  if (code == CURLE_COULDNT_RESOLVE_HOST) why = "there is no such host";
  return "cannot reach the node at " + url + ": " + printable(why) + "; is vsfd running? see --url";
}

std::string no_node(const std::string& url) {
  return "what answers at " + url + " is no Virtual Soulfind node; see --url";
}

std::string refusal(long status, const std::string& url, const std::string& body) {
  const auto parsed = nlohmann::json::parse(body, nullptr, false);
  std::string message;
  if (parsed.is_object() && parsed.contains("error")) message = text_of(parsed["error"], "message");
  if (message.empty()) return no_node(url) + " (HTTP " + std::to_string(status) + ")";
  if (status == 401) message += "; name a file that holds it with --api-key-file";
  return message;
}

struct free_list {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

struct api_client::state {
  settings how{};
  CURL* handle = nullptr;
  std::array<char, CURL_ERROR_SIZE> detail{};

  void set_up(const char* method, const std::string& path, sink& into) {
    curl_easy_reset(handle);
    detail[0] = '\0';
    into.handle = handle;
    curl_easy_setopt(handle, CURLOPT_URL, (how.url + path).c_str());
    curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    // The node is asked itself: a proxy of the environment would not find 127.0.0.1.
    curl_easy_setopt(handle, CURLOPT_PROXY, "");
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, detail.data());
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, how.connect_timeout_ms);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &into);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &into);
    if (into.file == nullptr) {
      curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, how.timeout_ms);
      return;
    }
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, &into);
  }

  /// Performs one request; what came is in `into`. An answer of 300 or above is a failure.
  answer<void> perform(const char* method, const std::string& path, const std::string* body, sink& into) {
    set_up(method, path, into);
    std::unique_ptr<curl_slist, free_list> headers;
    const auto add = [&headers](const std::string& line) {
      headers.reset(curl_slist_append(headers.release(), line.c_str()));
    };
    add("Accept: application/json");
    if (!how.api_key.empty()) add("X-API-Key: " + how.api_key);
    if (body != nullptr) {
      add("Content-Type: application/json");
      curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE, static_cast<long>(body->size()));
      curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body->c_str());
    }
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers.get());
    const auto code = curl_easy_perform(handle);
    const auto failed = [](std::string message, long status = 0) {
      return tl::unexpected(failure{std::move(message), status});
    };
    if (into.write_failed) return failed("cannot write the file: is the disk full?");
    if (into.too_large) return failed("the answer of " + how.url + " is larger than a node's can be");
    if (code == CURLE_ABORTED_BY_CALLBACK) return failed("interrupted");
    if (code != CURLE_OK) return failed(unreachable(how.url, code, detail.data()));
    long status = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 300) return failed(refusal(status, how.url, into.body), status);
    return {};
  }

  answer<nlohmann::json> json(const char* method, const std::string& path, const std::string* body) {
    sink into;
    if (auto done = perform(method, path, body, into); !done) return tl::unexpected(done.error());
    auto parsed = nlohmann::json::parse(into.body, nullptr, false);
    if (!parsed.is_object()) return tl::unexpected(failure{no_node(how.url), 0});
    return parsed;
  }
};

api_client::api_client(settings how) : state_(std::make_unique<state>()) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  state_->how = std::move(how);
  state_->handle = curl_easy_init();
}

api_client::~api_client() { curl_easy_cleanup(state_->handle); }

api_client::answer<nlohmann::json> api_client::get(const std::string& path) {
  return state_->json("GET", path, nullptr);
}

api_client::answer<nlohmann::json> api_client::post(const std::string& path, const nlohmann::json& body) {
  const std::string text = body.is_null() ? "" : json_text(body);
  return state_->json("POST", path, &text);
}

api_client::answer<nlohmann::json> api_client::put(const std::string& path, const nlohmann::json& body) {
  const std::string text = json_text(body);
  return state_->json("PUT", path, &text);
}

api_client::answer<nlohmann::json> api_client::remove(const std::string& path) {
  return state_->json("DELETE", path, nullptr);
}

api_client::answer<api_client::received_file> api_client::receive(
    const std::string& path, std::FILE* into, const std::function<bool(std::uint64_t)>& progress) {
  sink got;
  got.file = into;
  got.progress = &progress;
  got.hasher.begin();
  if (auto done = state_->perform("GET", path, nullptr, got); !done) return tl::unexpected(done.error());
  return received_file{got.file_name, got.file_bytes, got.hasher.finish()};
}

std::string api_client::escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out.push_back(c);
    else
      out += "%" + to_hex(byte_view(&byte, 1));
  }
  return out;
}

result<std::string> checked_url(const std::string& url) {
  const auto bad = fail("--url " + printable(url) + " is not an address like http://127.0.0.1:5030");
  auto rest = std::string_view(url);
  if (rest.starts_with("http://"))
    rest.remove_prefix(7);
  else if (rest.starts_with("https://"))
    rest.remove_prefix(8);
  else
    return bad;
  if (rest.empty() || rest.front() == '/' || rest.front() == ':') return bad;
  for (const char c : rest)
    if (static_cast<unsigned char>(c) <= 0x20 || c == '?' || c == '#' || c == '@') return bad;
  auto out = url;
  while (out.back() == '/') out.pop_back();
  return out;
}

result<std::string> read_api_key(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!std::getline(in, line))
    return fail("cannot read an API key from " + file + "; is it a file you may read?");
  constexpr std::string_view spaces = " \t\r";
  const auto first = line.find_first_not_of(spaces);
  if (first == std::string::npos || line.size() > 1024)
    return fail("the first line of " + file + " is no API key");
  line = line.substr(first, line.find_last_not_of(spaces) - first + 1);
  for (const char c : line)
    if (static_cast<unsigned char>(c) < 0x20) return fail("the first line of " + file + " is no API key");
  return line;
}

}  // namespace vsf::cli
