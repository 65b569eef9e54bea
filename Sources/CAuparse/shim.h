#pragma once
// libaudit's names of record types are in linux/audit.h, which auparse does not bring along.
#include <linux/audit.h>
#include <auparse.h>
