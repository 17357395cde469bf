#include "config/yaml_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>

namespace vsf::config {

namespace {

/// Ends the parser's run from within its callbacks; never leaves this file.
struct give_up {
  yaml_error why;
};

text_place place_of(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::size_t>(mark.line) + 1, static_cast<std::size_t>(mark.column) + 1};
}

class tree_builder final : public YAML::EventHandler {
 public:
  std::shared_ptr<const yaml_node> take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(make(yaml_node::kind::null, mark), anchor, mark);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end())
      throw give_up{{place_of(mark), "an alias names what it stands in: write the value out"}};
    count(mark);
    add(it->second, 0, mark);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(tag, mark);
    auto node = make(yaml_node::kind::scalar, mark);
    node->text = value;
    node->quoted = tag == "!";
    add(std::move(node), anchor, mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(tag, mark);
    open_.push_back({make(yaml_node::kind::list, mark), anchor, mark, {}, {}, false});
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(tag, mark);
    open_.push_back({make(yaml_node::kind::map, mark), anchor, mark, {}, {}, false});
  }
  void OnMapEnd() override { close(); }

 private:
  struct level {
    std::shared_ptr<yaml_node> node;
    YAML::anchor_t anchor;
    YAML::Mark mark;
    std::string key;
    text_place key_place;
    bool has_key;
  };

  static void check_tag(const std::string& tag, const YAML::Mark& mark) {
    if (!tag.empty() && tag != "?" && tag != "!")
      throw give_up{
          {place_of(mark), "tags such as " + tag.substr(0, 40) + " mean nothing here: leave it out"}};
  }

  void count(const YAML::Mark& mark) {
    if (++nodes_ > max_yaml_nodes)
      throw give_up{{place_of(mark),
                     "more than " + std::to_string(max_yaml_nodes) + " values: this is no configuration"}};
  }

  std::shared_ptr<yaml_node> make(yaml_node::kind what, const YAML::Mark& mark) {
    count(mark);
    auto node = std::make_shared<yaml_node>();
    node->what = what;
    node->place = place_of(mark);
    return node;
  }

  void close() {
    auto top = std::move(open_.back());
    open_.pop_back();
    add(std::move(top.node), top.anchor, top.mark);
  }

  void add(std::shared_ptr<const yaml_node> node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& top = open_.back();
    if (top.node->what == yaml_node::kind::list) {
      top.node->items.push_back(std::move(node));
    } else if (!top.has_key) {
      if (node->what != yaml_node::kind::scalar)
        throw give_up{{place_of(mark), "a key must be a plain word"}};
      top.key = node->text;
      top.key_place = place_of(mark);
      top.has_key = true;
    } else {
      top.node->members.push_back({std::move(top.key), top.key_place, std::move(node)});
      top.has_key = false;
    }
  }

  std::shared_ptr<const yaml_node> root_;
  std::vector<level> open_;
  std::map<YAML::anchor_t, std::shared_ptr<const yaml_node>> anchors_;
  std::size_t nodes_ = 0;
};

}  // namespace

tl::expected<std::shared_ptr<const yaml_node>, yaml_error> parse_yaml(const std::string& text) {
  if (text.size() > max_yaml_bytes)
    return tl::unexpected(yaml_error{{}, "more than 1 MiB: this is no configuration"});
  try {
    std::istringstream in(text);
    YAML::Parser parser(in);
    tree_builder builder;
    if (!parser.HandleNextDocument(builder)) return std::make_shared<const yaml_node>();
    auto root = builder.take();
    tree_builder second;
    if (parser.HandleNextDocument(second)) {
      auto extra = second.take();
      return tl::unexpected(yaml_error{extra ? extra->place : text_place{},
                                       "a second document begins here: a configuration is one document"});
    }
    return root ? root : std::make_shared<const yaml_node>();
  } catch (const give_up& e) {
    return tl::unexpected(e.why);
  } catch (const YAML::Exception& e) {
    return tl::unexpected(yaml_error{place_of(e.mark), "this is no YAML: " + e.msg});
  }
}

}  // namespace vsf::config
