// Our side of "the same forty messages" (test_forty.py): composes messages that are described as
// JSON, and tells as JSON what our reader finds in a mail. The forms of both are in forty.py.
//   compose_forty compose FILE.json FOLDER [7bit|8bit|binary]   writes 00.eml, 01.eml, …
//   compose_forty parse FILE.eml...                             one line of JSON for each
#include <boost/json/src.hpp>

#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>

#include <postroad/address.hpp>
#include <postroad/mail_part.hpp>
#include <postroad/message.hpp>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "mail/mime/flowed.hpp"
#include "mail/mime/transfer.hpp"

namespace {

namespace json = boost::json;
using postroad::MailPart;
using postroad::Message;
using postroad::MimePart;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string text_of(const json::value& value) { return std::string(value.as_string()); }

std::string bytes_of(const json::object& file) {
  return postroad::base64_decode(text_of(file.at("base64"))).value();
}

// `"name" <address>, …`, as a person would write it.
std::string list_of(const json::value& addresses) {
  std::string list;
  for (const auto& address : addresses.as_array()) {
    std::string quoted;
    for (const char c : text_of(address.at(0))) {
      if (c == '"' || c == '\\') quoted += '\\';
      quoted += c;
    }
    if (!list.empty()) list += ", ";
    const auto bare = text_of(address.at(1));
    list += quoted.empty() ? bare : '"' + quoted + "\" <" + bare + '>';
  }
  return list;
}

void set_header(Message& message, const json::object& wanted) {
  message.from(list_of(wanted.at("from"))).to(list_of(wanted.at("to")));
  message.cc(list_of(wanted.at("cc"))).subject(text_of(wanted.at("subject")));
  if (const auto* id = wanted.if_contains("in_reply_to")) message.in_reply_to(text_of(*id));
  if (const auto* ids = wanted.if_contains("references")) {
    std::string list;
    for (const auto& id : ids->as_array()) list += text_of(id) + ' ';
    message.references(list);
  }
  if (const auto* level = wanted.if_contains("priority"))
    message.priority(*level == "high" ? postroad::Priority::high : postroad::Priority::low);
  if (const auto* urls = wanted.if_contains("unsubscribe")) {
    std::string list;
    for (const auto& url : urls->as_array()) list += (list.empty() ? "" : ", ") + text_of(url);
    message.list_unsubscribe(list);
  }
  if (const auto* fields = wanted.if_contains("headers")) {
    for (const auto& [name, value] : fields->as_object()) message.header(name, text_of(value));
  }
}

// Bodies and images as a tree of our own making, in place of the one that Message makes.
MimePart built_content(const json::object& wanted) {
  auto html = text_of(wanted.at("html"));
  std::vector<MimePart> related;
  for (const auto& image : wanted.at("images").as_array()) {
    const auto& file = image.as_object();
    const auto name = text_of(file.at("name"));
    const auto id = name + "@forty.example";
    for (std::size_t at = 0; (at = html.find("cid:" + name, at)) != std::string::npos;
         at += id.size())
      html.replace(at, 4 + name.size(), "cid:" + id);
    auto part = MimePart::bytes(text_of(file.at("type")), bytes_of(file));
    related.push_back(std::move(part).attachment(name).content_id(id));
  }
  related.insert(related.begin(), MimePart::text("html", html));
  return MimePart::multipart("alternative", {MimePart::text("plain", text_of(wanted.at("text"))),
                                             MimePart::multipart("related", std::move(related))});
}

Message message_of(const json::object& wanted) {
  Message message;
  set_header(message, wanted);
  const auto* images = wanted.if_contains("images");
  if (wanted.contains("built")) {
    message.content(built_content(wanted));
  } else {
    if (const auto* text = wanted.if_contains("text")) message.text(text_of(*text));
    if (const auto* html = wanted.if_contains("html")) message.html(text_of(*html));
    if (wanted.contains("flowed")) message.flowed();
    for (const auto& image : images ? images->as_array() : json::array()) {
      const auto& file = image.as_object();
      message.embed(text_of(file.at("name")), text_of(file.at("type")), bytes_of(file));
    }
  }
  if (const auto* calendar = wanted.if_contains("calendar"))
    message.calendar(text_of(calendar->at(0)), text_of(calendar->at(1)));
  const auto* files = wanted.if_contains("attachments");
  for (const auto& attachment : files ? files->as_array() : json::array()) {
    const auto& file = attachment.as_object();
    const auto name = text_of(file.at("name"));
    if (file.at("type") == "message/rfc822")
      message.attach(MimePart::message(bytes_of(file)).attachment(name));
    else
      message.attach(name, text_of(file.at("type")), bytes_of(file));
  }
  return message;
}

void compose(const std::string& file, const std::string& folder, std::string_view form) {
  const auto all = json::parse(read_file(file));
  std::size_t number = 0;
  for (const auto& wanted : all.as_array()) {
    auto source = message_of(wanted.as_object()).source();
    if (!source) throw std::runtime_error(std::to_string(number) + ": " + source.error().detail);
    (*source)->offered({.eight_bit = form != "7bit", .binary = form == "binary"});
    const auto digits = std::to_string(number++);
    std::ofstream out(folder + (digits.size() < 2 ? "/0" : "/") + digits + ".eml",
                      std::ios::binary);
    for (;;) {
      const auto bytes = (*source)->next();
      if (!bytes) throw std::runtime_error(digits + ": " + bytes.error().detail);
      if (bytes->empty()) break;
      out << *bytes;
    }
  }
}

json::array addresses_of(const MailPart& mail, std::string_view name) {
  json::array out;
  const auto* field = mail.find(name);
  if (field == nullptr) return out;
  const auto list = postroad::parse_address_list(field->value());
  if (!list) return out;  // a list that cannot be read differs from every list that was wanted
  for (const auto& address : *list) out.push_back({address.name, address.mailbox.text()});
  return out;
}

json::array words_of(const std::string& text) {
  json::array out;
  std::istringstream words(text);
  for (std::string word; words >> word;) out.emplace_back(word);
  return out;
}

class Reading final {
 public:
  explicit Reading(const MailPart& mail) { read(mail); }
  json::object take();

 private:
  void read(const MailPart& part);

  std::map<std::string, std::string> texts_;  // by type, one of each
  std::string method_;
  std::map<std::string, std::string> cids_;  // Content-ID to name
  json::array attachments_, images_;
};

void Reading::read(const MailPart& part) {
  if (part.is_multipart()) {
    for (const auto& one : part.parts) read(one);
    return;
  }
  const bool is_body = part.type.value.starts_with("text/") && !part.is_attachment();
  if (is_body) {
    const bool flowed = postroad::lower(part.type.find("format")) == "flowed";
    auto text = part.text();
    const bool deletes = postroad::lower(part.type.find("delsp")) == "yes";
    texts_[part.type.value] = flowed ? postroad::mail::unflow(text, deletes) : std::move(text);
    if (part.type.value == "text/calendar") method_ = part.type.find("method");
    return;
  }
  auto id = part.header("Content-ID");
  if (id.starts_with('<') && id.ends_with('>')) id = id.substr(1, id.size() - 2);
  const auto digest = postroad::crypto::digest(postroad::crypto::Digest::sha256, part.decoded());
  const bool is_message = part.type.value == "message/rfc822";
  json::object file{{"name", part.file_name()},
                    {"type", part.type.value},
                    {"sha256", postroad::crypto::hex(digest)}};
  if (is_message) file["message"] = part.decoded();  // its line ends are not compared
  if (id.empty() || part.disposition.value == "attachment") {
    attachments_.push_back(std::move(file));
  } else {
    cids_[id] = part.file_name();
    images_.push_back(std::move(file));
  }
}

json::object Reading::take() {
  json::object cids;
  for (const auto& [id, name] : cids_) cids[id] = name;
  json::object out{{"text", texts_["text/plain"]}, {"html", texts_["text/html"]}, {"cids", cids}};
  out["calendar"] = {method_, texts_["text/calendar"]};
  out["attachments"] = std::move(attachments_);
  out["images"] = std::move(images_);
  return out;
}

json::object parse(const std::string& bytes) {
  const auto mail = postroad::MailPart::parse(bytes);
  auto out = Reading(mail).take();
  for (const auto* name : {"from", "to", "cc"}) out[name] = addresses_of(mail, name);
  out["subject"] = mail.header("Subject");
  out["in_reply_to"] = mail.header("In-Reply-To");
  out["references"] = words_of(mail.header("References"));
  out["priority"] = mail.header("Importance");
  out["unsubscribe"] = words_of(mail.header("List-Unsubscribe"));
  json::object headers;
  for (const auto& field : mail.fields) {
    const std::string name(field.name);
    if (postroad::istarts_with(name, "X-Forty-")) headers[name] = mail.header(name);
  }
  out["headers"] = std::move(headers);
  return out;
}

}  // namespace

int main(int count, char** words) try {
  const std::vector<std::string> arguments(words + 1, words + count);
  if (arguments.size() >= 3 && arguments[0] == "compose") {
    compose(arguments[1], arguments[2], arguments.size() > 3 ? arguments[3] : "7bit");
    return 0;
  }
  if (arguments.size() >= 2 && arguments[0] == "parse") {
    for (std::size_t i = 1; i < arguments.size(); ++i)
      std::cout << json::serialize(parse(read_file(arguments[i]))) << '\n';
    return 0;
  }
  std::cerr << "usage: compose_forty compose FILE.json FOLDER [7bit|8bit|binary]\n"
               "       compose_forty parse FILE.eml...\n";
  return 2;
} catch (const std::exception& wrong) {
  std::cerr << "compose_forty: " << wrong.what() << '\n';
  return 1;
}
