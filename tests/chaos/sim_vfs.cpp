// SQLite's file system on a simulated disk. One connection at a time: locks are granted, and the WAL's shared memory is
// the process's own, so it is gone when the process is.
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "tests/chaos/sim_disk.h"

namespace weft::chaos {
namespace {

struct OpenFile : sqlite3_file {
  SimDisk* disk;
  std::string* path;
  std::shared_ptr<Inode>* inode;
  std::deque<Bytes>* shared;
  bool delete_on_close;
};

OpenFile& as_open(sqlite3_file* file) { return *static_cast<OpenFile*>(file); }
SimDisk& disk_of(sqlite3_vfs* vfs) { return *static_cast<SimDisk*>(vfs->pAppData); }

int close_file(sqlite3_file* file) {
  OpenFile& open = as_open(file);
  if (open.delete_on_close && open.disk->step()) open.disk->unlink(*open.path);
  delete open.path;
  delete open.inode;
  delete open.shared;
  return SQLITE_OK;
}

int read_file(sqlite3_file* file, void* into, int amount, sqlite3_int64 offset) {
  if (!as_open(file).disk->works()) return SQLITE_IOERR_READ;
  const Bytes& content = (*as_open(file).inode)->content();
  const auto from = std::min(static_cast<std::size_t>(offset), content.size());
  const auto size = std::min(static_cast<std::size_t>(amount), content.size() - from);
  if (size > 0) std::memcpy(into, content.data() + from, size);
  std::memset(static_cast<char*>(into) + size, 0, static_cast<std::size_t>(amount) - size);
  return size == static_cast<std::size_t>(amount) ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int write_file(sqlite3_file* file, const void* from, int amount, sqlite3_int64 offset) {
  const OpenFile& open = as_open(file);
  if (!open.disk->step() || !open.disk->works()) return SQLITE_IOERR_WRITE;
  Inode& inode = **open.inode;
  const auto at = static_cast<std::size_t>(offset), size = static_cast<std::size_t>(amount);
  const std::size_t fits = open.disk->fitting(inode, at, size);
  if (fits > 0) inode.write(at, {static_cast<const std::uint8_t*>(from), fits});
  return fits == size ? SQLITE_OK : SQLITE_FULL;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  const OpenFile& open = as_open(file);
  if (!open.disk->step()) return SQLITE_IOERR_TRUNCATE;
  (*open.inode)->truncate(static_cast<std::size_t>(size));
  return SQLITE_OK;
}

int sync_file(sqlite3_file* file, int /*flags*/) {
  const OpenFile& open = as_open(file);
  if (!open.disk->step() || !open.disk->works()) return SQLITE_IOERR_FSYNC;
  open.disk->sync_file(*open.path);
  return SQLITE_OK;
}

int file_size(sqlite3_file* file, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>((*as_open(file).inode)->content().size());
  return SQLITE_OK;
}

int grant(sqlite3_file* /*file*/, int /*level*/) { return SQLITE_OK; }
int check_reserved(sqlite3_file* /*file*/, int* held) {
  *held = 0;
  return SQLITE_OK;
}
int control(sqlite3_file* /*file*/, int /*op*/, void* /*argument*/) { return SQLITE_NOTFOUND; }
int sector_size(sqlite3_file* /*file*/) { return 512; }
int characteristics(sqlite3_file* /*file*/) { return 0; }

int map_shared(sqlite3_file* file, int region, int size, int extend, void volatile** memory) {
  OpenFile& open = as_open(file);
  const auto wanted = static_cast<std::size_t>(region) + 1;
  *memory = nullptr;
  while (open.shared->size() < wanted && extend != 0) open.shared->emplace_back(static_cast<std::size_t>(size));
  if (open.shared->size() >= wanted) *memory = (*open.shared)[wanted - 1].data();
  return SQLITE_OK;
}
int lock_shared(sqlite3_file* /*file*/, int /*offset*/, int /*count*/, int /*flags*/) { return SQLITE_OK; }
void shared_barrier(sqlite3_file* /*file*/) {}
int unmap_shared(sqlite3_file* file, int remove) {
  if (remove != 0) as_open(file).shared->clear();
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods{.iVersion = 2,
                                      .xClose = close_file,
                                      .xRead = read_file,
                                      .xWrite = write_file,
                                      .xTruncate = truncate_file,
                                      .xSync = sync_file,
                                      .xFileSize = file_size,
                                      .xLock = grant,
                                      .xUnlock = grant,
                                      .xCheckReservedLock = check_reserved,
                                      .xFileControl = control,
                                      .xSectorSize = sector_size,
                                      .xDeviceCharacteristics = characteristics,
                                      .xShmMap = map_shared,
                                      .xShmLock = lock_shared,
                                      .xShmBarrier = shared_barrier,
                                      .xShmUnmap = unmap_shared,
                                      .xFetch = nullptr,
                                      .xUnfetch = nullptr};

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  SimDisk& disk = disk_of(vfs);
  OpenFile& open = as_open(file);
  file->pMethods = nullptr;
  const std::string name = path == nullptr ? "/temporary" : path;
  if (!disk.step()) return SQLITE_CANTOPEN;
  if ((flags & SQLITE_OPEN_CREATE) == 0 && disk.find(name) == nullptr) return SQLITE_CANTOPEN;
  open.disk = &disk;
  open.path = new std::string(name);
  open.inode = new std::shared_ptr<Inode>(disk.make(name));
  open.shared = new std::deque<Bytes>;
  open.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  file->pMethods = &kMethods;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}

int delete_file(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  SimDisk& disk = disk_of(vfs);
  if (!disk.step()) return SQLITE_IOERR_DELETE;
  if (disk.find(path) == nullptr) return SQLITE_IOERR_DELETE_NOENT;
  disk.unlink(path);
  if (sync_folder != 0) disk.sync_folder(std::filesystem::path(path).parent_path());
  return SQLITE_OK;
}

int access_file(sqlite3_vfs* vfs, const char* path, int flags, int* result) {
  const auto inode = disk_of(vfs).find(path);
  *result = inode != nullptr && (flags != SQLITE_ACCESS_EXISTS || !inode->content().empty()) ? 1 : 0;
  return SQLITE_OK;
}

int full_path(sqlite3_vfs* /*vfs*/, const char* path, int size, char* into) {
  sqlite3_snprintf(size, into, "%s", path);
  return SQLITE_OK;
}

// The salts of a new WAL. They must differ from those of older ones, or frames of these would be taken for new.
int randomness(sqlite3_vfs* vfs, int size, char* into) {
  for (int i = 0; i < size; ++i) into[i] = static_cast<char>(disk_of(vfs).random().next_u32());
  return size;
}

int sleep_for(sqlite3_vfs* /*vfs*/, int microseconds) { return microseconds; }
int current_time(sqlite3_vfs* /*vfs*/, double* days) {
  *days = 2460000.5;
  return SQLITE_OK;
}
int last_error(sqlite3_vfs* /*vfs*/, int /*size*/, char* /*into*/) { return 0; }

}  // namespace

std::unique_ptr<sqlite3_vfs> make_vfs(SimDisk& disk, const char* name) {
  auto vfs = std::make_unique<sqlite3_vfs>();
  *vfs = {};
  vfs->iVersion = 1;
  vfs->szOsFile = sizeof(OpenFile);
  vfs->mxPathname = 512;
  vfs->zName = name;
  vfs->pAppData = &disk;
  vfs->xOpen = open_file;
  vfs->xDelete = delete_file;
  vfs->xAccess = access_file;
  vfs->xFullPathname = full_path;
  vfs->xRandomness = randomness;
  vfs->xSleep = sleep_for;
  vfs->xCurrentTime = current_time;
  vfs->xGetLastError = last_error;
  ::sqlite3_vfs_register(vfs.get(), 0);
  return vfs;
}

void drop_vfs(sqlite3_vfs& vfs) { ::sqlite3_vfs_unregister(&vfs); }

}  // namespace weft::chaos
