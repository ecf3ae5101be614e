/* SNAP bispectrum at many points: one point per lane of a vector register.
 *
 * The same algorithm and tables as descriptors/kernel.py, which explains them. REAL is the
 * type of the contraction; everything before it is in double precision. Vectors are those of
 * GCC and Clang, so that any processor will do; the code reads as if it handled one point.
 * Complex numbers are pairs of vectors, real part first.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__AVX512F__)
#define REGISTER_BYTES 64
#elif defined(__AVX__)
#define REGISTER_BYTES 32
#else
#define REGISTER_BYTES 16
#endif
/* With 32 registers, six momenta and four neighbours can be summed without spilling. */
#if defined(__AVX512F__) || defined(__aarch64__)
#define TOGETHER 6
#define BATCH 4
#else
#define TOGETHER 3
#define BATCH 2
#endif
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
#define INLINE static inline __attribute__((always_inline))
#define DOUBLES (REGISTER_BYTES / (int)sizeof(double))
#define LANES (REGISTER_BYTES / (int)sizeof(REAL))

typedef double doubles __attribute__((vector_size(REGISTER_BYTES)));
typedef REAL lanes __attribute__((vector_size(REGISTER_BYTES)));
typedef REAL rounded __attribute__((vector_size(DOUBLES * sizeof(REAL))));

/* descriptors.neighbours.NeighbourBins, with the properties of each atom. */
typedef struct {
    const double *cell, *inverse;
    const int64_t *shape, *start;
    const double *positions;
    const int64_t *atoms;
    const double *cutoffs, *weights;
    int64_t max_candidates;
} bins_t;

/* descriptors.tables.Tables, without what only Python needs. */
typedef struct {
    int64_t twojmax, n_components, n_jobs;
    const int64_t *first;
    const double *radial;
    const int64_t *jobs, *components, *rows, *row_targets;
    const REAL *row_weights, *coefficients;
} tables_t;

typedef struct {
    doubles x, y, z, inverse_cutoff, weight;
} neighbour_t;

/* Conjugate a and −conjugate b of the rotation, and w·f_c. */
typedef struct {
    doubles ar, ai, br, bi, weight;
} rotation_t;

const int64_t together = TOGETHER;
static const double PI = 3.14159265358979323846;
/* LAMMPS' rfac0, and the squared distance (Å²) up to which it does not count an atom. */
static const double ANGLE_FACTOR = 0.99363, ON_POINT = 1e-20;

/* Write the neighbours of one point into a lane; return their number. */
static int64_t find(const double *point, const bins_t *bins, int64_t *near,
                    neighbour_t *neighbours, int lane)
{
    double home[3] = {point[0], point[1], point[2]};
    int64_t target = 0, found = 0;
    for (int k = 0; k < 3; k++) {
        const double *inverse = bins->inverse + k;
        double scaled = point[0] * inverse[0] + point[1] * inverse[3] + point[2] * inverse[6];
        double turns = floor(scaled);
        int64_t index = (int64_t)((scaled - turns) * (double)bins->shape[k]);
        for (int c = 0; c < 3; c++)
            home[c] -= turns * bins->cell[3 * k + c];
        if (index > bins->shape[k] - 1)
            index = bins->shape[k] - 1;
        target = target * bins->shape[k] + index;
    }
    /* Without a branch: which candidates are near is not to be guessed. */
    for (int64_t k = bins->start[target]; k < bins->start[target + 1]; k++) {
        double x = home[0] - bins->positions[3 * k], y = home[1] - bins->positions[3 * k + 1];
        double z = home[2] - bins->positions[3 * k + 2], cutoff = bins->cutoffs[bins->atoms[k]];
        double squared = x * x + y * y + z * z;
        near[found] = k;
        found += (squared > ON_POINT) & (squared < cutoff * cutoff);
    }
    for (int64_t n = 0; n < found; n++) {
        int64_t k = near[n], atom = bins->atoms[k];
        neighbours[n].x[lane] = home[0] - bins->positions[3 * k];
        neighbours[n].y[lane] = home[1] - bins->positions[3 * k + 1];
        neighbours[n].z[lane] = home[2] - bins->positions[3 * k + 2];
        neighbours[n].inverse_cutoff[lane] = 1 / bins->cutoffs[atom];
        neighbours[n].weight[lane] = bins->weights[atom];
    }
    return found;
}

/* Neighbours of up to DOUBLES points, padded with neighbours of no weight to a full batch. */
static int64_t gather(const double *points, int64_t filled, const bins_t *bins, int64_t *near,
                      neighbour_t *neighbours)
{
    int64_t found[DOUBLES] = {0}, longest = 0;
    for (int lane = 0; lane < filled; lane++) {
        found[lane] = find(points + 3 * lane, bins, near, neighbours, lane);
        if (found[lane] > longest)
            longest = found[lane];
    }
    longest = (longest + BATCH - 1) / BATCH * BATCH;
    for (int lane = 0; lane < DOUBLES; lane++)
        for (int64_t k = found[lane]; k < longest; k++) {
            neighbours[k].x[lane] = 1;
            neighbours[k].y[lane] = neighbours[k].z[lane] = 0;
            neighbours[k].inverse_cutoff[lane] = neighbours[k].weight[lane] = 0;
        }
    return longest;
}

/* Taylor series of sin and cos, exact to the last bits for |angle| ≤ π/4. */
INLINE void sine_cosine(doubles angle, doubles *sine, doubles *cosine)
{
    doubles square = angle * angle, s = {0}, c = {0};
    double factor = 1; /* 1/18! first, then upwards by the ratio of the terms */
    for (int n = 2; n <= 18; n++)
        factor /= n;
    for (int n = 18; n >= 0; n -= 2) {
        c = c * square + (n % 4 ? -factor : factor);
        factor *= n;
        if (n > 0) {
            s = s * square + ((n - 1) % 4 == 1 ? factor : -factor);
            factor *= n - 1;
        }
    }
    *sine = angle * s;
    *cosine = c;
}

/* Turn distance vectors into rotations: θ = ANGLE_FACTOR·π·r/R, a = cos θ − i sin θ z/r,
 * b = sin θ (y − i x)/r. */
static void rotate(const neighbour_t *neighbours, rotation_t *rotations, int64_t n_neighbours)
{
    for (int64_t k = 0; k < n_neighbours; k++) {
        doubles x = neighbours[k].x, y = neighbours[k].y, z = neighbours[k].z;
        doubles squared = x * x + y * y + z * z, r, sine, cosine, slope, turned;
        for (int lane = 0; lane < DOUBLES; lane++)
            r[lane] = sqrt(squared[lane]);
        doubles quarter = 0.25 * PI * r * neighbours[k].inverse_cutoff;
        sine_cosine(ANGLE_FACTOR * quarter, &sine, &cosine);
        doubles half_sine = 2 * sine * cosine, half_cosine = 1 - 2 * sine * sine;
        slope = 2 * half_sine * half_cosine / r;
        rotations[k].ar = 1 - 2 * half_sine * half_sine;
        rotations[k].ai = z * slope;
        rotations[k].br = -y * slope;
        rotations[k].bi = -x * slope;
        sine_cosine(quarter, &sine, &turned);
        turned = 1 - 2 * sine * sine;
        rotations[k].weight = neighbours[k].weight * turned * turned;
    }
}

/* Add Σ w·a^p·b^q·T_n(t) of one batch of neighbours to the moments, t = |a|² − |b|²;
 * −b* takes the place of b where q is negative. */
static void add_moments(const rotation_t *rotations, int64_t twojmax, doubles *chebyshev,
                        doubles *powers, doubles *moments)
{
    for (int i = 0; i < BATCH; i++) {
        const rotation_t *u = rotations + i;
        doubles t2 = 4 * (u->ar * u->ar + u->ai * u->ai) - 2;
        doubles br = {0}, bi = {0};
        br += 1;
        for (int64_t n = 0; 2 * n <= twojmax; n++)
            chebyshev[n * BATCH + i] =
                n == 0   ? u->weight
                : n == 1 ? 0.5 * t2 * u->weight
                         : t2 * chebyshev[(n - 1) * BATCH + i] - chebyshev[(n - 2) * BATCH + i];
        for (int64_t q = 0; q <= twojmax; q++) {
            doubles before = br;
            powers[2 * (q * BATCH + i)] = br;
            powers[2 * (q * BATCH + i) + 1] = bi;
            br = u->br * before - u->bi * bi;
            bi = u->br * bi + u->bi * before;
        }
    }
    for (int64_t q = -twojmax; q <= twojmax; q++) {
        int64_t size = q < 0 ? -q : q, p = q < 0;
        double sign_real = q < 0 && size % 2 ? -1 : 1, sign_imag = q < 0 ? -sign_real : 1;
        doubles real[BATCH], imag[BATCH], ar[BATCH], ai[BATCH];
        for (int i = 0; i < BATCH; i++) {
            ar[i] = rotations[i].ar, ai[i] = rotations[i].ai;
            real[i] = sign_real * powers[2 * (size * BATCH + i)];
            imag[i] = sign_imag * powers[2 * (size * BATCH + i) + 1];
        }
        for (int64_t step = 0; step <= twojmax - size; step++) {
            if (step >= p)
                for (int64_t n = 0; 2 * n <= twojmax - size - step; n++) {
                    doubles sum_real = moments[0], sum_imag = moments[1];
                    for (int i = 0; i < BATCH; i++) {
                        sum_real += real[i] * chebyshev[n * BATCH + i];
                        sum_imag += imag[i] * chebyshev[n * BATCH + i];
                    }
                    moments[0] = sum_real;
                    moments[1] = sum_imag;
                    moments += 2;
                }
            for (int i = 0; i < BATCH; i++) {
                doubles before = real[i];
                real[i] = ar[i] * before - ai[i] * imag[i];
                imag[i] = ar[i] * imag[i] + ai[i] * before;
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

enum { MANY, COMPONENT, COLUMN1, COLUMN2, COLUMNS, COEFFICIENT, ROW, END_ROW, JOB_FIELDS };

/* One job: for `many` momenta z at a time, the columns with one sum of projections,
 * Σ_rows w_row · Re[(Σ_columns c · U_x · U_y) · U_z*]. */
INLINE void couple(const int many, const int64_t *job, const lanes *total,
                   const tables_t *tables, lanes *result)
{
    const REAL *first = tables->coefficients + job[COEFFICIENT];
    int64_t column = job[COLUMN1] + job[COLUMN2];
    lanes sums[TOGETHER];
    for (int i = 0; i < many; i++)
        sums[i] = (lanes){0};
    for (int64_t row = job[ROW]; row < job[END_ROW]; row++) {
        const lanes *x = total + 2 * (tables->rows[2 * row] + job[COLUMN1]);
        const lanes *y = total + 2 * (tables->rows[2 * row + 1] + job[COLUMN2]);
        const REAL *c = first;
        lanes real[TOGETHER], imag[TOGETHER];
        for (int i = 0; i < many; i++)
            real[i] = imag[i] = (lanes){0};
        for (int64_t k = job[COLUMNS]; k > 0; k--) {
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
        for (int i = 0; i < many; i++) {
            const lanes *z = total + 2 * (tables->row_targets[TOGETHER * row + i] + column);
            sums[i] += tables->row_weights[TOGETHER * row + i] * (real[i] * z[0] + imag[i] * z[1]);
        }
    }
    for (int i = 0; i < many; i++)
        result[tables->components[job[COMPONENT] + i]] += sums[i];
}

static void contract(const lanes *total, const tables_t *tables, lanes *result)
{
    for (int64_t k = 0; k < tables->n_components; k++)
        result[k] = (lanes){0};
    for (int64_t k = 0; k < tables->n_jobs; k++) {
        const int64_t *job = tables->jobs + JOB_FIELDS * k;
        switch (job[MANY]) {
        case 1: couple(1, job, total, tables, result); break;
        case 2: couple(2, job, total, tables, result); break;
        case 3: couple(3, job, total, tables, result); break;
#if TOGETHER > 3
        case 4: couple(4, job, total, tables, result); break;
        case 5: couple(5, job, total, tables, result); break;
        case 6: couple(6, job, total, tables, result); break;
#endif
        }
    }
}

static void *vectors(int64_t count)
{
    return aligned_alloc(REGISTER_BYTES, (size_t)(count > 0 ? count : 1) * REGISTER_BYTES);
}

/* Fill out[n_points, n_components]; return 0, or 1 if there is not enough memory. */
int bispectrum(int64_t n_points, const double *points, const bins_t *bins, const tables_t *tables,
               REAL *out)
{
    int64_t twojmax = tables->twojmax, most = bins->max_candidates + BATCH;
    int64_t elements = tables->first[twojmax + 1];
    int64_t *near = malloc((size_t)most * sizeof *near);
    neighbour_t *neighbours = vectors(5 * most);
    rotation_t *rotations = vectors(5 * most);
    doubles *chebyshev = vectors(BATCH * (twojmax / 2 + 2));
    doubles *powers = vectors(2 * BATCH * (twojmax + 1));
    doubles *moments = vectors(2 * elements);
    lanes *total = vectors(2 * elements), *result = vectors(tables->n_components);
    int failed = !near || !neighbours || !rotations || !chebyshev || !powers || !moments ||
                 !total || !result;
    for (int64_t begin = 0; begin < n_points && !failed; begin += LANES) {
        int64_t filled = n_points - begin < LANES ? n_points - begin : LANES;
        for (int lane = 0; lane < LANES; lane += DOUBLES) {
            int64_t here = filled - lane < DOUBLES ? filled - lane : DOUBLES;
            int64_t n = gather(points + 3 * (begin + lane), here, bins, near, neighbours);
            rotate(neighbours, rotations, n);
            for (int64_t k = 0; k < 2 * elements; k++)
                moments[k] = (doubles){0};
            for (int64_t k = 0; k < n; k += BATCH)
                add_moments(rotations + k, twojmax, chebyshev, powers, moments);
            complete(moments, tables, total, lane / DOUBLES);
        }
        contract(total, tables, result);
        for (int64_t lane = 0; lane < filled; lane++)
            for (int64_t k = 0; k < tables->n_components; k++)
                out[(begin + lane) * tables->n_components + k] = result[k][lane];
    }
    free(near), free(neighbours), free(rotations), free(chebyshev), free(powers);
    free(moments), free(total), free(result);
    return failed;
}
