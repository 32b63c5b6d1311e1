// Collects the findings of the lint rules. Not here: the rules (lint.cpp, lint_header.cpp,
// lint_structure.cpp).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <postroad/mail_part.hpp>

#include "mail/lint/lint.hpp"

namespace postroad::mail {

/// The findings of one message. One thread at a time.
class LintFindings final {
 public:
  /// `bytes` must outlive this object.
  explicit LintFindings(std::string_view bytes);
  /// Adds a finding. `where` is a view of the bytes; a null view stands for the whole message.
  void add(LintLevel level, std::string_view code, std::string_view where, std::string why,
           std::string remedy);
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  /// The findings, sorted by line.
  [[nodiscard]] std::vector<LintFinding> take() &&;

 private:
  [[nodiscard]] std::size_t line_of(std::string_view where) const;
  std::string_view bytes_;
  std::vector<std::size_t> line_starts_;
  std::vector<LintFinding> findings_;
  std::map<std::string_view, std::size_t> counts_;
};

/// Rules about lines: NUL, bare CR and LF, long lines.
void lint_lines(LintFindings& findings);
/// Rules about the header of the message.
void lint_header(LintFindings& findings, const MailPart& message);
/// Rules about parts, their encodings and their content.
void lint_structure(LintFindings& findings, const MailPart& message);

}  // namespace postroad::mail
