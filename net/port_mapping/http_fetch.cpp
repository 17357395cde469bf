#include "net/port_mapping/http_fetch.hpp"

#include <curl/curl.h>

#include <algorithm>

namespace vsf::net {
namespace {

struct transfer {
  fetch_answer answer;
  bool too_big = false;
  const round_watch* watch = nullptr;
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* into) {
  auto& to = *static_cast<transfer*>(into);
  const auto length = size * count;
  if (to.answer.body.size() + length > max_fetch_bytes) {
    to.too_big = true;
    return 0;
  }
  to.answer.body.append(data, length);
  return length;
}

/// Headers are curl's to hold (it refuses 300 KiB of them); none is wanted here.
int on_progress(void* of, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<transfer*>(of)->watch->over() ? 1 : 0;
}

struct curl_closer {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
};
struct list_freer {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

}  // namespace

int round_watch::left_ms(std::chrono::milliseconds most) const {
  if (over()) return 0;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - clock::now());
  return static_cast<int>(std::clamp(left, std::chrono::milliseconds(0), most).count());
}

result<fetch_answer> fetch(const fetch_request& what, const round_watch& watch) {
  const auto time_ms = watch.left_ms(what.most);
  if (time_ms == 0) return fail("no time was left to ask it");
  const std::unique_ptr<CURL, curl_closer> curl(curl_easy_init());
  if (!curl) return fail("libcurl can't be used here; reinstall it");
  transfer state;
  state.watch = &watch;
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl.get(), option, value); };
  set(CURLOPT_URL, what.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(time_ms));
  set(CURLOPT_USERAGENT, "vsfd UPnP/1.1");
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, &state);
  set(CURLOPT_XFERINFOFUNCTION, &on_progress);
  set(CURLOPT_XFERINFODATA, &state);
  set(CURLOPT_NOPROGRESS, 0L);
  if (!what.bind.empty()) set(CURLOPT_INTERFACE, what.bind.c_str());
  curl_slist* raw = nullptr;
  for (const auto& header : what.headers) raw = curl_slist_append(raw, header.c_str());
  const std::unique_ptr<curl_slist, list_freer> headers(raw);
  if (raw != nullptr) set(CURLOPT_HTTPHEADER, raw);
  if (!what.body.empty()) {
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(what.body.size()));
    set(CURLOPT_POSTFIELDS, what.body.c_str());
  }
  const auto done = curl_easy_perform(curl.get());
  if (state.too_big)
    return fail("its answer is longer than " + std::to_string(max_fetch_bytes / 1024) + " KiB");
  if (done == CURLE_OPERATION_TIMEDOUT || done == CURLE_ABORTED_BY_CALLBACK)
    return fail("no whole answer within " + std::to_string(time_ms) + " ms");
  if (done != CURLE_OK) return fail(curl_easy_strerror(done));
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &state.answer.status);
  char* local = nullptr;
  curl_easy_getinfo(curl.get(), CURLINFO_LOCAL_IP, &local);
  const std::string text = local == nullptr ? "" : local;
  const auto where = parse_endpoint(text.find(':') == std::string::npos ? text + ":0" : "[" + text + "]:0");
  if (!where) return fail("this machine's address on the way there isn't known");
  state.answer.local = *where;
  return std::move(state.answer);
}

}  // namespace vsf::net
