// SPDX-License-Identifier: MIT
// Files by POSIX: one that is replaced whole or not at all, and one that is read at offsets.
#pragma once
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <selfpred/error.hpp>
#include <span>
#include <utility>

namespace selfpred {

/// The calls that a writer makes; a test puts failing ones in their place. Results and errno as POSIX has them.
struct posix_calls {
  int open(char const* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
  int lock(int fd) { return ::flock(fd, LOCK_EX | LOCK_NB); }
  int truncate(int fd) { return ::ftruncate(fd, 0); }
  ssize_t write(int fd, void const* p, std::size_t n) { return ::write(fd, p, n); }
  int sync(int fd) { return ::fsync(fd); }
  int rename(char const* from, char const* to) { return ::rename(from, to); }
  int unlink(char const* path) { return ::unlink(path); }
  int close(int fd) { return ::close(fd); }
};

namespace detail {

[[noreturn]] inline void file_failure(std::string_view doing, std::filesystem::path const& path, int error) {
  throw file_error(path.string() + ": cannot " + std::string(doing) + ": " + std::strerror(error));
}

}  // namespace detail

/// A file under construction beside `path`, as `path`.tmp. commit() puts it in the place of `path`: sync the file, rename,
/// sync the folder. Whatever stops the writer before that leaves the old file as it was, and at most one `path`.tmp, which
/// the next writer takes over. A symbolic link is followed; an old file's permissions are kept.
///
/// Errors: file_error, which names file, action and the system's reason; another process at work on the same path is one.
template <class Calls = posix_calls>
class atomic_file {
 public:
  explicit atomic_file(std::filesystem::path path, Calls calls = {}) : calls_(std::move(calls)), path_(resolved(path)) {
    temporary_ = path_;
    temporary_ += ".tmp";
    for (;;) {
      fd_ = calls_.open(temporary_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
      if (fd_ < 0) detail::file_failure("create this file", temporary_, errno);
      bool const alone = calls_.lock(fd_) == 0 || (errno != EWOULDBLOCK && errno != EINTR);  // else: no locks here
      if (!alone) {
        calls_.close(std::exchange(fd_, -1));
        throw file_error(temporary_.string() + ": another writer is at work on this file, expected one at a time");
      }
      if (still_ours()) break;  // its last owner may have renamed it between our open and our lock
      calls_.close(std::exchange(fd_, -1));
    }
    struct ::stat old;
    bool const replaces = ::stat(path_.c_str(), &old) == 0;
    if (calls_.truncate(fd_) != 0 || (replaces && ::fchmod(fd_, old.st_mode & 07777) != 0)) {
      int const error = errno;
      abandon();
      detail::file_failure("start this file", temporary_, error);
    }
  }
  atomic_file(atomic_file const&) = delete;
  atomic_file& operator=(atomic_file const&) = delete;
  ~atomic_file() { abandon(); }

  std::filesystem::path const& path() const { return path_; }

  void write(std::span<std::byte const> bytes) {
    while (!bytes.empty()) {
      ssize_t const n = calls_.write(fd_, bytes.data(), std::min(bytes.size(), std::size_t{1} << 30));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) detail::file_failure("write", temporary_, n < 0 ? errno : ENOSPC);
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    }
  }

  void commit() {
    if (fd_ < 0) throw state_error(path_.string() + ": this file was committed already");
    if (calls_.sync(fd_) != 0) detail::file_failure("sync", temporary_, errno);
    if (calls_.rename(temporary_.c_str(), path_.c_str()) != 0) detail::file_failure("replace this file", path_, errno);
    calls_.close(std::exchange(fd_, -1));
    auto const folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    int const d = calls_.open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    int const failed = d < 0 || calls_.sync(d) != 0 ? errno : 0;
    if (d >= 0) calls_.close(d);
    if (failed != 0 && failed != EINVAL)  // EINVAL: a file system whose folders need no sync
      detail::file_failure("sync (the new file is in place, but a power cut may bring the old one back)", folder,
                           failed);
  }

 private:
  static std::filesystem::path resolved(std::filesystem::path const& path) {
    std::error_code ignored;
    if (path.filename().empty() || path.native().find('\0') != path.native().npos)
      throw file_error("'" + path.string() + "': not the name of a file");
    return std::filesystem::is_symlink(path, ignored) ? std::filesystem::weakly_canonical(path) : path;
  }
  bool still_ours() const {
    struct ::stat mine, named;
    return ::fstat(fd_, &mine) == 0 && ::stat(temporary_.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
  }
  void abandon() noexcept {
    if (fd_ < 0) return;
    calls_.unlink(temporary_.c_str());
    calls_.close(std::exchange(fd_, -1));
  }

  [[no_unique_address]] Calls calls_;
  std::filesystem::path path_, temporary_;
  int fd_ = -1;
};

/// A regular file, read at offsets. What was open stays readable when it is replaced. Errors: file_error.
class input_file {
 public:
  explicit input_file(std::filesystem::path const& path) : path_(path) {
    fd_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0) detail::file_failure("open this file", path_, errno);
    struct ::stat s;
    int const failed = ::fstat(fd_, &s) != 0 ? errno : S_ISREG(s.st_mode) ? 0 : EINVAL;
    if (failed != 0) {
      ::close(fd_);
      detail::file_failure("read this as a file", path_, failed);
    }
    size_ = static_cast<std::uint64_t>(s.st_size);
  }
  input_file(input_file const&) = delete;
  input_file& operator=(input_file const&) = delete;
  ~input_file() { ::close(fd_); }

  std::string name() const { return path_.string(); }
  std::uint64_t size() const { return size_; }
  void read(std::uint64_t at, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
      ssize_t const n =
          ::pread(fd_, bytes.data(), std::min(bytes.size(), std::size_t{1} << 30), static_cast<off_t>(at));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) detail::file_failure("read", path_, errno);
      if (n == 0) throw file_error(path_.string() + ": the file became shorter while it was read");
      bytes = bytes.subspan(static_cast<std::size_t>(n)), at += static_cast<std::uint64_t>(n);
    }
  }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

/// The same for bytes in memory.
class input_memory {
 public:
  explicit input_memory(std::span<std::byte const> bytes, std::string name = "memory")
      : bytes_(bytes), name_(std::move(name)) {}
  std::string const& name() const { return name_; }
  std::uint64_t size() const { return bytes_.size(); }
  void read(std::uint64_t at, std::span<std::byte> out) const {
    if (at > bytes_.size() || out.size() > bytes_.size() - at) throw file_error(name_ + ": read past the end");
    std::memcpy(out.data(), bytes_.data() + at, out.size());
  }

 private:
  std::span<std::byte const> bytes_;
  std::string name_;
};

}  // namespace selfpred
