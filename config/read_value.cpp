#include "config/read_value.hpp"

#include <algorithm>
#include <charconv>

#include "config/host_port.hpp"

namespace vsf::config {

namespace {

using outcome = tl::expected<void, yaml_error>;

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

/// NAME or NAME/BITS: a mesh of its own, whose id puzzle has that difficulty (0 to 40 bits).
bool is_network(std::string_view text) {
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto bits = text.substr(slash + 1);
    unsigned value = 0;
    const auto [end, ec] = std::from_chars(bits.data(), bits.data() + bits.size(), value);
    if (ec != std::errc{} || end != bits.data() + bits.size() || value > 40 ||
        (bits.size() > 1 && bits[0] == '0'))
      return false;
    text = text.substr(0, slash);
  }
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

/// Digits alone, without leading zeros: 010 means 8 to some and 10 to others.
std::optional<std::uint32_t> read_number(const yaml_node& node, std::uint32_t min, std::uint32_t max) {
  const auto& text = node.text;
  if (node.quoted || text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  std::uint32_t out = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (ec != std::errc{} || end != text.data() + text.size() || out < min || out > max) return std::nullopt;
  return out;
}

bool is_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (text.starts_with(scheme)) {
      const auto host = text.substr(scheme.size(), text.find_first_of("/?#", scheme.size()) - scheme.size());
      return !host.empty() &&
             std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
    }
  return false;
}

class value_reader {
 public:
  value_reader(const key_spec& spec, const path_environment& environment)
      : spec_(spec), environment_(environment) {}

  outcome read(const yaml_node& node, field_ref field) const {
    if (spec_.type == value_type::addresses || spec_.type == value_type::paths ||
        spec_.type == value_type::texts)
      return read_list(node, field);
    if (auto ok = must_be_scalar(node); !ok) return ok;
    switch (spec_.type) {
      case value_type::boolean:
        if (node.quoted || (node.text != "true" && node.text != "false")) return refuse(node);
        *std::get<bool*>(field) = node.text == "true";
        return {};
      case value_type::number: {
        const auto number = read_number(node, spec_.min, spec_.max);
        if (!number) return refuse(node);
        *std::get<std::uint32_t*>(field) = *number;
        return {};
      }
      case value_type::listen: {
        const auto where = parse_endpoint(node.text);
        if (!where) return refuse(node);
        *std::get<endpoint*>(field) = *where;
        return {};
      }
      case value_type::address: {
        auto where = parse_host_port(node.text);
        if (!where) return refuse(node);
        *std::get<host_port*>(field) = std::move(*where);
        return {};
      }
      case value_type::path:
        return read_path(node, *std::get<std::string*>(field));
      default:
        if (!fits(node.text)) return refuse(node);
        *std::get<std::string*>(field) = node.text;
        return {};
    }
  }

 private:
  outcome refuse(const yaml_node& node, const std::string& why = {}) const {
    const auto given = spec_.type == value_type::secret
                           ? std::string("what is there")
                           : '"' + shown(node.text) + '"' + (node.quoted ? " in quotes" : "");
    return tl::unexpected(yaml_error{
        node.place, "takes " + expectation(spec_) + ", not " + given + (why.empty() ? "" : ": " + why)});
  }

  outcome must_be_scalar(const yaml_node& node) const {
    switch (node.what) {
      case yaml_node::kind::scalar:
        return {};
      case yaml_node::kind::null:
        return tl::unexpected(yaml_error{node.place, "has no value: it takes " + expectation(spec_) +
                                                         "; leave the key out for the default"});
      default:
        return tl::unexpected(
            yaml_error{node.place, "takes " + expectation(spec_) + ", not " +
                                       (node.what == yaml_node::kind::list ? "a list" : "a section")});
    }
  }

  bool fits(const std::string& text) const {
    if (spec_.type == value_type::choice)
      return std::find(spec_.choices.begin(), spec_.choices.end(), text) != spec_.choices.end();
    if (text.size() < spec_.min || text.size() > spec_.max || has_control(text)) return false;
    if (spec_.type == value_type::network) return is_network(text);
    if (spec_.type == value_type::url) return is_url(text);
    return true;
  }

  outcome read_path(const yaml_node& node, std::string& into) const {
    if (node.text.empty() && spec_.min == 0) {
      into.clear();
      return {};
    }
    auto expanded = expand_path(node.text, environment_);
    if (!expanded) return refuse(node, expanded.error().message);
    into = std::move(*expanded);
    return {};
  }

  outcome read_list(const yaml_node& node, field_ref field) const {
    if (node.what != yaml_node::kind::list || node.items.size() > spec_.max)
      return tl::unexpected(yaml_error{
          node.place,
          "takes " + expectation(spec_) +
              (node.what == yaml_node::kind::list ? ", not " + std::to_string(node.items.size()) : "")});
    constexpr std::size_t max_text = 256;
    std::vector<std::string> texts;
    std::vector<host_port> addresses;
    for (const auto& item : node.items) {
      if (auto ok = must_be_scalar(*item); !ok) return ok;
      if (spec_.type == value_type::paths) {
        auto expanded = expand_path(item->text, environment_);
        if (!expanded) return refuse(*item, expanded.error().message);
        texts.push_back(std::move(*expanded));
      } else if (spec_.type == value_type::texts) {
        if (item->text.empty() || item->text.size() > max_text || has_control(item->text))
          return refuse(*item);
        texts.push_back(item->text);
      } else {
        auto where = parse_host_port(item->text);
        if (!where) return refuse(*item);
        addresses.push_back(std::move(*where));
      }
    }
    if (spec_.type == value_type::addresses)
      *std::get<std::vector<host_port>*>(field) = std::move(addresses);
    else
      *std::get<std::vector<std::string>*>(field) = std::move(texts);
    return {};
  }

  const key_spec& spec_;
  const path_environment& environment_;
};

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 60)) out.push_back(c >= ' ' && c < 0x7F ? c : '?');
  if (text.size() > 60) out += "...";
  return out;
}

outcome read_value(const key_spec& spec, const yaml_node& node, const path_environment& environment,
                   field_ref field) {
  return value_reader(spec, environment).read(node, field);
}

}  // namespace vsf::config
