/* SNAP bispectrum at many points: one point per lane of a vector register.
 *
 * The same algorithm and tables as descriptors/kernel.py and moments.py, which explain them.
 * REAL is the type of the contraction; everything before it is in double precision. Complex
 * numbers are pairs of vectors, real part first.
 */
#include "compiled_kernel.h"

#include <stdlib.h>
#include <string.h>

#define LANES (REGISTER_BYTES / (int)sizeof(REAL))
/* Left alone, GCC loads an operand again for each use, and loads become the bottleneck. */
#if defined(__AVX512F__)
#define KEEP(vector) __asm__("" : "+v"(vector));
#elif defined(__x86_64__)
#define KEEP(vector) __asm__("" : "+x"(vector));
#elif defined(__aarch64__)
#define KEEP(vector) __asm__("" : "+w"(vector));
#else
#define KEEP(vector)
#endif

typedef REAL lanes __attribute__((vector_size(REGISTER_BYTES)));
typedef REAL rounded __attribute__((vector_size(DOUBLES * sizeof(REAL))));

/* One of the jobs, and all of descriptors.tables.Tables, with the number of components. */
typedef struct {
    int64_t component, column_x, column_y, columns, coefficient, row, end_row;
} job_t;

typedef struct {
    int64_t twojmax, n_moments, n_components;
    const int64_t *first;
    const double *radial;
    const int64_t *spans;
    const job_t *jobs;
    const int64_t *components;
    const REAL *coefficients;
    const int64_t *rows, *row_targets;
    const REAL *row_weights;
} tables_t;

/* Write the product of two complex numbers. */
INLINE void product(doubles *real, doubles *imag, doubles by_real, doubles by_imag)
{
    doubles before = *real;
    *real = before * by_real - *imag * by_imag;
    *imag = before * by_imag + *imag * by_real;
}

/* Add two neighbours to the moments. */
static void add_pair(const rotation_t *rotations, int64_t twojmax, doubles (*polynomials)[2],
                     doubles (*powers)[2][2], doubles *moments)
{
    doubles ar[2], ai[2];
    for (int i = 0; i < 2; i++) {
        ar[i] = rotations[i].ar, ai[i] = rotations[i].ai;
        doubles t = 2 * (ar[i] * ar[i] + ai[i] * ai[i]) - 1;
        /* T_−1 = T_1 starts the recursion T_n = 2t T_n−1 − T_n−2. */
        doubles last = t * rotations[i].weight, now = rotations[i].weight;
        for (int64_t n = 0; n <= twojmax / 2; n++) {
            doubles next = 2 * t * now - last;
            polynomials[n][i] = now;
            last = now, now = next;
        }
        doubles real = last - last + 1, imag = {0};
        for (int64_t q = 0; q <= twojmax; q++) {
            powers[q][0][i] = real, powers[q][1][i] = imag;
            product(&real, &imag, rotations[i].br, rotations[i].bi);
        }
    }
    for (int64_t q = -twojmax; q <= twojmax; q++) {
        int64_t size = q < 0 ? -q : q;
        double sign = q < 0 && size % 2 ? -1 : 1, mirror = q < 0 ? -sign : sign;
        doubles real[2] = {sign * powers[size][0][0], sign * powers[size][0][1]};
        doubles imag[2] = {mirror * powers[size][1][0], mirror * powers[size][1][1]};
        for (int64_t p = q < 0; p <= twojmax - size; p++) {
            for (int i = 0; i < 2 && p > 0; i++)
                product(&real[i], &imag[i], ar[i], ai[i]);
            for (int64_t n = 0; 2 * n <= twojmax - size - p; n++) {
                moments[0] += real[0] * polynomials[n][0] + real[1] * polynomials[n][1];
                moments[1] += imag[0] * polynomials[n][0] + imag[1] * polynomials[n][1];
                moments += 2;
            }
        }
    }
}

/* Round the lanes of one half, or of all if REAL is double, and put them in their place. */
INLINE void put(lanes *target, int part, doubles value)
{
    rounded half = __builtin_convertvector(value, rounded);
    memcpy((char *)target + (size_t)part * sizeof half, &half, sizeof half);
}

/* Make all U_j out of the moments, add the point's own identity, and round to REAL. */
static void complete(const doubles *moments, const tables_t *tables, lanes *total, int part)
{
    const double *radial = tables->radial;
    for (int64_t q = -tables->twojmax; q <= tables->twojmax; q++) {
        int64_t size = q < 0 ? -q : q;
        double sign = size % 2 ? -1 : 1;
        for (int64_t p = q < 0; p <= tables->twojmax - size; p++) {
            int64_t count = (tables->twojmax - size - p) / 2 + 1;
            for (int64_t k = 0; k < count; k++) {
                int64_t j = p + size + 2 * k, low = k * (j + 2);
                int64_t at = tables->first[j] + low + (q < 0 ? size * (j + 1) : size);
                int64_t image = tables->first[j] + tables->first[j + 1] - 1 - at;
                doubles real = {0}, imag = {0};
                real += q == 0;
                for (int64_t n = 0; n <= k; n++) {
                    real += radial[n] * moments[2 * n];
                    imag += radial[n] * moments[2 * n + 1];
                }
                radial += k + 1;
                put(total + 2 * at, part, real);
                put(total + 2 * at + 1, part, imag);
                put(total + 2 * image, part, sign * real);
                put(total + 2 * image + 1, part, -sign * imag);
            }
            moments += 2 * count;
        }
    }
}

/* For `many` momenta z together, add Σ_rows w · Re[(Σ_columns c · U_x · U_y) · U_z*].
 * `many` is known to the compiler, so that all sums stay in registers. */
INLINE void couple(const int many, const lanes *total, const tables_t *tables, lanes *result)
{
    for (int64_t k = tables->spans[2 * many]; k < tables->spans[2 * many + 1]; k++) {
        const job_t job = tables->jobs[k];
        const lanes *here = total + 2 * (job.column_x + job.column_y);
        lanes sums[TOGETHER];
        for (int i = 0; i < many; i++)
            sums[i] = (lanes){0};
        for (int64_t row = job.row; row < job.end_row; row++) {
            const lanes *x = total + tables->rows[2 * row] + 2 * job.column_x;
            const lanes *y = total + tables->rows[2 * row + 1] + 2 * job.column_y;
            const REAL *c = tables->coefficients + job.coefficient;
            lanes real[TOGETHER], imag[TOGETHER];
            for (int i = 0; i < many; i++)
                real[i] = imag[i] = (lanes){0};
            for (int64_t n = 0; n < job.columns; n++) {
                lanes x_real = x[0], x_imag = x[1], y_real = y[0], y_imag = y[1];
                KEEP(x_real) KEEP(x_imag) KEEP(y_real) KEEP(y_imag)
                lanes product_real = x_real * y_real - x_imag * y_imag;
                lanes product_imag = x_real * y_imag + x_imag * y_real;
                for (int i = 0; i < many; i++) {
                    real[i] += c[i] * product_real;
                    imag[i] += c[i] * product_imag;
                }
                x += 2, y -= 2, c += TOGETHER;
            }
            const int64_t *targets = tables->row_targets + TOGETHER * row;
            const REAL *weights = tables->row_weights + TOGETHER * row;
            for (int i = 0; i < many; i++) {
                const lanes *z = here + targets[i];
                sums[i] += weights[i] * (real[i] * z[0] + imag[i] * z[1]);
            }
        }
        for (int i = 0; i < many; i++)
            result[tables->components[job.component + i]] += sums[i];
    }
}

static void contract(const lanes *total, const tables_t *tables, lanes *result)
{
    for (int64_t k = 0; k < tables->n_components; k++)
        result[k] = (lanes){0};
    _Static_assert(TOGETHER == 4, "one call for each number of momenta");
    couple(1, total, tables, result);
    couple(2, total, tables, result);
    couple(3, total, tables, result);
    couple(4, total, tables, result);
}

static void *vectors(int64_t count)
{
    return aligned_alloc(REGISTER_BYTES, (size_t)(count > 0 ? count : 1) * REGISTER_BYTES);
}

/* Fill out[n_points, n_components]; return 0, or 1 if there is not enough memory. */
int bispectrum(int64_t n_points, const double *points, const bins_t *bins, const tables_t *tables,
               REAL *out)
{
    int64_t twojmax = tables->twojmax, most = bins->max_candidates + 1;
    int64_t elements = tables->first[twojmax + 1];
    int64_t *near = malloc((size_t)most * sizeof *near);
    neighbour_t *neighbours = vectors(5 * most);
    rotation_t *rotations = vectors(5 * most);
    doubles(*polynomials)[2] = vectors(2 * (twojmax / 2 + 1));
    doubles(*powers)[2][2] = vectors(4 * (twojmax + 1));
    doubles *moments = vectors(2 * tables->n_moments);
    lanes *total = vectors(2 * elements), *result = vectors(tables->n_components);
    int failed = !near || !neighbours || !rotations || !polynomials || !powers || !moments ||
                 !total || !result;
    for (int64_t begin = 0; begin < n_points && !failed; begin += LANES) {
        int64_t filled = n_points - begin < LANES ? n_points - begin : LANES;
        for (int lane = 0; lane < LANES; lane += DOUBLES) {
            int64_t here = filled - lane < DOUBLES ? filled - lane : DOUBLES;
            int64_t n = gather(points + 3 * (begin + lane), here, bins, near, neighbours);
            rotate(neighbours, rotations, n);
            for (int64_t k = 0; k < 2 * tables->n_moments; k++)
                moments[k] = (doubles){0};
            for (int64_t k = 0; k < n; k += 2)
                add_pair(rotations + k, twojmax, polynomials, powers, moments);
            complete(moments, tables, total, lane / DOUBLES);
        }
        contract(total, tables, result);
        for (int64_t lane = 0; lane < filled; lane++)
            for (int64_t k = 0; k < tables->n_components; k++)
                out[(begin + lane) * tables->n_components + k] = result[k][lane];
    }
    free(near), free(neighbours), free(rotations), free(polynomials), free(powers);
    free(moments), free(total), free(result);
    return failed;
}
