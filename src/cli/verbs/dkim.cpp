// `postroad dkim keygen|record|sign|verify`: keys, signatures and their verification by hand.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iostream>
#include <postroad/dkim.hpp>
#include <postroad/message.hpp>

#include "base/descriptor.hpp"
#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "cli/verbs/key_queries.hpp"
#include "mail/mime/segment_source.hpp"
#include "mail/mime/transfer.hpp"
#include "observe/sinks.hpp"

namespace postroad::cli {

namespace {

using config::Command;
using config::Flag;

config::Argument message_argument(DkimVerbs& to) {
  return {.name = "FILE",
          .doc = "A message with its header; - or none: standard input.",
          .target = &to.file,
          .required = false,
          .completion = config::Completion::file};
}

Flag domain_flag(DkimVerbs& to) {
  return {.name = "domain",
          .letter = 'd',
          .value = "DOMAIN",
          .doc = "Signing domain.",
          .target = &to.domain,
          .typed = &to.domain_typed};
}

Flag selector_flag(DkimVerbs& to) {
  return {.name = "selector",
          .letter = 's',
          .value = "NAME",
          .doc = "Selector: the key is published at NAME._domainkey.DOMAIN.",
          .target = &to.selector,
          .typed = &to.selector_typed};
}

Flag key_flag(DkimVerbs& to) {
  return {.name = "key",
          .letter = 'k',
          .value = "FILE",
          .doc = "Private key (PEM).",
          .target = &to.key,
          .completion = config::Completion::file,
          .typed = &to.key_typed};
}

Command keygen_command(DkimVerbs& to) {
  return {.name = "keygen",
          .summary = "generate a key and print the DNS record that publishes it",
          .flags = {{.name = "out",
                     .letter = 'o',
                     .value = "FILE",
                     .doc = "File for the private key; it must not exist.",
                     .target = &to.out},
                    {.name = "algorithm",
                     .value = "NAME",
                     .doc = "rsa-sha256, which every verifier supports, or ed25519-sha256.",
                     .target = &to.algorithm,
                     .words = {"rsa-sha256", "ed25519-sha256"}},
                    {.name = "bits",
                     .value = "N",
                     .doc = "RSA key size in bits.",
                     .target = &to.bits,
                     .typed = &to.bits_typed},
                    domain_flag(to),
                    selector_flag(to)},
          .examples = {{"postroad dkim keygen -o mail.pem -d example.org -s mail",
                        "a key of 2048 bits"}},
          .exit_codes = {{exit_ok, "the key was generated"},
                         {exit_cannot_create, "the file exists or cannot be written"}},
          .run = [&to] { return to.keygen(); }};
}

Command record_command(DkimVerbs& to) {
  return {.name = "record",
          .summary = "print the DNS record of a key",
          .flags = {key_flag(to), domain_flag(to), selector_flag(to)},
          .run = [&to] { return to.record(); }};
}

Command sign_command(DkimVerbs& to) {
  return {
      .name = "sign",
      .summary = "print a message with its signature in front",
      .arguments = {message_argument(to)},
      .flags = {key_flag(to),
                domain_flag(to),
                selector_flag(to),
                {.name = "canonical",
                 .value = "FORM",
                 .doc = "Canonicalization of header/body (RFC 6376 section 3.4): which whitespace "
                        "changes in transit the signature tolerates.",
                 .target = &to.canonical,
                 .words = {"relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"}},
                {.name = "field",
                 .value = "NAME",
                 .doc = "Sign only this field.",
                 .target = &to.fields,
                 .default_text = "the fields of RFC 6376 section 5.4.1"}},
      .run = [&to] { return to.sign(); }};
}

Command verify_command(DkimVerbs& to) {
  return {
      .name = "verify",
      .summary = "verify the signatures of a message",
      .arguments = {message_argument(to)},
      .flags = {{.name = "record",
                 .value = "NAME=RECORD",
                 .doc = "Key record, used instead of the DNS. NAME is SELECTOR._domainkey.DOMAIN; "
                        "the line that `postroad dkim record` prints is accepted, too.",
                 .target = &to.records},
                {.name = "name-server",
                 .value = "ADDRESS",
                 .doc = "Name server: 192.0.2.1, or 192.0.2.1@5353.",
                 .target = &to.name_server,
                 .default_text = "that of the system"},
                {.name = "json", .doc = "Print JSON.", .target = &to.json}},
      .exit_codes = {{exit_ok, "a signature is valid"},
                     {exit_data, "no signature is valid, or the message has none"},
                     {exit_temporary, "a key could not be looked up"}},
      .run = [&to] { return to.verify(); }};
}

}  // namespace

Command DkimVerbs::declare() {
  Command group{.name = "dkim",
                .summary = "generate DKIM keys, sign messages and verify signatures"};
  group.subcommands = {keygen_command(*this), record_command(*this), sign_command(*this),
                       verify_command(*this)};
  return group;
}

namespace {

using observe::json_string;

// With the flag in place of the property that it sets.
int refuse(const DkimVerbs& verb, Error error) {
  const auto& property = error.where;
  if (property == "DKIM key") error.where = config::as_typed(verb.key_typed, "--key");
  if (property == "DKIM domain") error.where = config::as_typed(verb.domain_typed, "--domain");
  if (property == "DKIM selector")
    error.where = config::as_typed(verb.selector_typed, "--selector");
  complain("dkim", error.text());
  return exit_of_reading(error);
}

// The record as one line of a zone file, in strings of at most 255 bytes.
void print_record(const DkimKey& key, const std::string& selector, const std::string& domain) {
  constexpr std::size_t most = 255;
  const auto record = key.record();
  std::cout << (selector.empty() ? "SELECTOR" : selector) << "._domainkey."
            << (domain.empty() ? "DOMAIN" : domain) << ". IN TXT (";
  for (std::size_t at = 0; at < record.size(); at += most)
    std::cout << " \"" << record.substr(at, most) << '"';
  std::cout << " )\n";
}

// A new file that only its owner can read.
Result<void> write_key(const std::string& path, const Secret& pem) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (file && write_all(file.get(), pem.reveal()) && ::fsync(file.get()) == 0) return {};
  const int why = errno;
  if (file) ::unlink(path.c_str());  // part of a key is of no use, and would refuse the next one
  const auto remedy = why == EEXIST ? "; choose another name: a key is never overwritten" : "";
  return fail(Fault::io, path,
              std::string("the key cannot be written: ") + std::strerror(why) + remedy);
}

void print_verdicts(const std::vector<DkimVerdict>& verdicts, bool json) {
  if (!json && verdicts.empty()) std::cout << "none: the message has no signature\n";
  std::string out = "[";
  for (const auto& one : verdicts) {
    if (json) {
      out += fmt::format(
          R"({}{{"result":{},"reason":{},"domain":{},"selector":{},"identity":{},"algorithm":{},"bits":{},"testing":{}}})",
          out.size() > 1 ? ",\n " : "", json_string(to_string(one.result)), json_string(one.reason),
          json_string(one.domain), json_string(one.selector), json_string(one.identity),
          json_string(one.algorithm), one.bits, one.testing);
    } else {
      std::cout << fmt::format("{}: d={} s={} a={}{}{}\n", to_string(one.result),
                               printable(one.domain), printable(one.selector),
                               printable(one.algorithm), one.reason.empty() ? "" : ": ",
                               printable(one.reason));
    }
  }
  if (json) std::cout << out << "]\n";
}

bool is_given(const std::string& path, std::string_view verb, std::string_view otherwise) {
  if (path.empty()) complain(verb, otherwise);
  return !path.empty();
}

// The names that a record is printed for obey the rules of those that sign. An empty one is printed
// as a placeholder.
Result<void> check_names(const DkimVerbs& verb, const DkimKey& key) {
  DkimOptions options;
  options.domain = verb.domain.empty() ? "example" : verb.domain;
  options.selector = verb.selector.empty() ? "mail" : verb.selector;
  return DkimSigner().add(key, std::move(options));
}

constexpr std::string_view needs_key = "missing --key; name the file with the private key";

}  // namespace

int DkimVerbs::keygen() {
  if (!is_given(out, "dkim keygen", "missing --out; name the file for the private key"))
    return exit_usage;
  const bool is_rsa = algorithm == "rsa-sha256";
  const auto typed_bits = config::as_typed(bits_typed, "--bits") + ' ' + std::to_string(bits);
  if (!is_rsa && !bits_typed.empty())
    return refuse(*this, fail(Fault::input, typed_bits,
                              "keys of " + algorithm + " have one size; omit this flag"));
  const auto made =
      DkimKey::generate(is_rsa ? DkimAlgorithm::rsa_sha256 : DkimAlgorithm::ed25519_sha256,
                        static_cast<unsigned>(std::max(bits, 0)));
  if (!made) return refuse(*this, fail(Fault::input, typed_bits, made.error().detail));
  if (const auto checked = check_names(*this, *made); !checked)
    return refuse(*this, checked.error());
  if (const auto written = write_key(out, made->pem()); !written) {
    complain("dkim keygen", written.error().text());
    return exit_cannot_create;
  }
  print_record(*made, selector, domain);
  return exit_ok;
}

int DkimVerbs::record() {
  if (!is_given(key, "dkim record", needs_key)) return exit_usage;
  const auto from = DkimKey::from_file(key);
  if (!from) return refuse(*this, from.error());
  if (const auto checked = check_names(*this, *from); !checked)
    return refuse(*this, checked.error());
  print_record(*from, selector, domain);
  return exit_ok;
}

int DkimVerbs::sign() {
  if (!is_given(key, "dkim sign", needs_key) ||
      !is_given(domain, "dkim sign",
                "missing --domain; name the signing domain, usually that of From") ||
      !is_given(selector, "dkim sign",
                "missing --selector; give the name under which the public key is published"))
    return exit_usage;
  auto with = DkimKey::from_file(key);
  if (!with) return refuse(*this, with.error());
  auto bytes = read_all(file);
  if (!bytes) return refuse(*this, bytes.error());
  DkimOptions options;
  options.domain = domain;
  options.selector = selector;
  options.fields = fields;
  options.header = canonical.starts_with("simple") ? DkimCanonicalization::simple
                                                   : DkimCanonicalization::relaxed;
  options.body =
      canonical.ends_with("simple") ? DkimCanonicalization::simple : DkimCanonicalization::relaxed;
  DkimSigner signer;
  if (auto added = signer.add(std::move(*with), std::move(options)); !added)
    return refuse(*this, added.error());
  // The message as it is, except for line ends.
  const auto text = mail::with_crlf(std::move(*bytes));
  mail::SegmentSource source;
  source.add_text(text);
  const auto made = signer.sign(source);
  if (!made) return refuse(*this, of_data(made.error()));
  std::cout << *made << text;
  return exit_ok;
}

namespace {

struct KeyRecord {
  std::string name;
  std::string text;
};

// `NAME=RECORD`, or the line of a zone file that print_record prints: its strings form the record.
Result<KeyRecord> key_record_of(std::string_view typed) {
  constexpr std::string_view label = "._domainkey.";
  KeyRecord record;
  const auto name_end = typed.find_first_of("= \t");
  if (name_end == std::string_view::npos || typed[name_end] == '=') {
    record.name = trim(typed.substr(0, name_end));
    if (name_end != std::string_view::npos) record.text = trim(typed.substr(name_end + 1));
  } else {
    record.name = typed.substr(0, name_end);
    const auto parts = split(typed, '"');
    for (std::size_t i = 1; i < parts.size(); i += 2) record.text += parts[i];
  }
  if (record.name.ends_with('.')) record.name.pop_back();
  if (lower(record.name).find(label) != std::string::npos && !record.text.empty()) return record;
  return fail(Fault::input, "--record " + printable(typed, 60),
              "expected NAME=RECORD, such as 'mail._domainkey.example.org=v=DKIM1; k=rsa; p=…', or "
              "the line that `postroad dkim record` prints, in single quotes");
}

Result<std::vector<KeyRecord>> key_records_of(const std::vector<std::string>& typed) {
  std::vector<KeyRecord> all;
  for (const auto& one : typed) {
    auto record = key_record_of(one);
    if (!record) return record.error();
    all.push_back(std::move(*record));
  }
  return all;
}

}  // namespace

int DkimVerbs::verify() {
  const auto given = key_records_of(records);
  if (!given) return refuse(*this, given.error());
  auto bytes = read_all(file);
  if (!bytes) return refuse(*this, bytes.error());
  DkimVerifier verifier;
  verifier.take(mail::with_crlf(std::move(*bytes)));
  std::vector<std::string> wanted;
  for (const auto& name : verifier.questions()) {
    const auto found = std::find_if(given->begin(), given->end(),
                                    [&](const KeyRecord& one) { return iequals(one.name, name); });
    if (found == given->end()) {
      wanted.push_back(name);
    } else {
      verifier.answer(name, found->text);
    }
  }
  if (auto done = query_keys(verifier, wanted, name_server); !done) {
    auto error = done.error();
    if (error.fault == Fault::input) error.where = "--name-server";
    return refuse(*this, error);
  }
  const auto verdicts = verifier.finish(std::chrono::system_clock::now());
  print_verdicts(verdicts, json);
  const auto any = [&](DkimResult result) {
    return std::any_of(verdicts.begin(), verdicts.end(),
                       [&](const DkimVerdict& one) { return one.result == result; });
  };
  if (any(DkimResult::pass)) return exit_ok;
  return any(DkimResult::temperror) ? exit_temporary : exit_data;
}

}  // namespace postroad::cli
