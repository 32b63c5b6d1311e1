// Where the rules of lint write what they find. Not here: the rules (lint_lines.cpp,
// lint_header.cpp, lint_structure.cpp).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>

#include "mail/lint/lint.hpp"

namespace postroad::mail {

class LintFindings final {
 public:
  /// `octets` must outlive this.
  explicit LintFindings(std::string_view octets);
  /// `where` leads into the octets; an empty default view stands for the message as a whole.
  void add(LintLevel level, std::string_view code, std::string_view where, std::string why,
           std::string remedy);
  [[nodiscard]] std::string_view octets() const noexcept { return octets_; }
  [[nodiscard]] std::vector<LintFinding> take() &&;

 private:
  [[nodiscard]] std::size_t line_of(std::string_view where) const;
  std::string_view octets_;
  std::vector<std::size_t> line_starts_;
  std::vector<LintFinding> findings_;
  std::map<std::string_view, std::size_t> counts_;
};

/// Octets and lines: NUL, lone CR and LF, long lines.
void lint_lines(LintFindings& findings);
/// The fields of the message's own header.
void lint_header(LintFindings& findings, const MailPart& mail);
/// Parts, their encodings and what they say.
void lint_structure(LintFindings& findings, const MailPart& mail);

}  // namespace postroad::mail
